import { afterEach, describe, expect, it, vi } from "vitest";
import { sha256 } from "./upload";

afterEach(() => vi.unstubAllGlobals());

describe("the checksum of a file", () => {
  it("is that of sha256sum", async () => {
    expect(await sha256(new Blob(["abc"]))).toBe("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  });
  it("is left to the service where the page may not count it", async () => {
    vi.stubGlobal("crypto", {});
    expect(await sha256(new Blob(["abc"]))).toBe("");
  });
});

import { expect, it } from "vitest";
import { bodyOf, freshForm } from "./corrections";

it("sends a formula only with what takes one", () => {
  const form = { ...freshForm("2026-11-28T08:00", "2026-11-28T09:00"), factor: 2, reason: "x" };
  const instant = (at: string) => `${at}+08:00`;
  expect(bodyOf(form, "level", instant)).toEqual({ property: "level", start: "2026-11-28T08:00+08:00", end: "2026-11-28T09:00+08:00", act: "flag", reason: "x" });
  expect(bodyOf({ ...form, act: "replace" }, "level", instant)).toMatchObject({ act: "replace", factor: 2, offset: 0 });
});

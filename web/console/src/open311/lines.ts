/** Classes, states and acts of an endpoint as lines of text: `2004* = WATER`. */
export interface ClassLine {
  class: string;
  service_code: string;
  attributes?: Record<string, string>;
}

function pairs(text: string): [string, string][] {
  return text
    .split("\n")
    .map((line) => line.trim())
    .filter(Boolean)
    .map((line) => {
      const at = line.indexOf("=");
      return at < 0 ? [line, ""] : [line.slice(0, at).trim(), line.slice(at + 1).trim()];
    });
}

export const classText = (lines: ClassLine[]): string => lines.map((one) => (one.service_code ? `${one.class} = ${one.service_code}` : one.class)).join("\n");

/** What is typed, keeping the attributes of lines whose class stays. */
export function classLines(text: string, before: ClassLine[] = []): ClassLine[] {
  return pairs(text).map(([name, code]) => {
    const kept = before.find((one) => one.class === name)?.attributes;
    return kept ? { class: name, service_code: code, attributes: kept } : { class: name, service_code: code };
  });
}

export const wordText = (words: Record<string, string>): string => Object.entries(words).map(([name, word]) => `${name} = ${word}`).join("\n");
export const wordLines = (text: string): Record<string, string> => Object.fromEntries(pairs(text));
export const actText = (acts: Record<string, string[]>): string => Object.entries(acts).map(([name, list]) => `${name} = ${list.join(", ")}`).join("\n");
export const actLines = (text: string): Record<string, string[]> =>
  Object.fromEntries(pairs(text).map(([name, list]) => [name, list.split(",").map((one) => one.trim()).filter(Boolean)]));

/** Fills `{0.id}` in a path from the answers of earlier steps. */
export function fillPath(path: string, answers: readonly unknown[]): string {
  return path.replace(/\{(\d+)\.(\w+)\}/g, (_, step: string, field: string) => {
    const answer = answers[Number(step)] as Record<string, unknown> | undefined;
    return encodeURIComponent(String(answer?.[field] ?? ""));
  });
}

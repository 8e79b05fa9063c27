/** Keyboard: one place that knows whether a key press is a command or text. */
import { onMounted, onUnmounted } from "vue";

export function typing(event: KeyboardEvent): boolean {
  const target = event.target;
  if (!(target instanceof HTMLElement)) return false;
  if (target instanceof HTMLInputElement) return !["checkbox", "radio", "button", "submit"].includes(target.type);
  return target.matches("textarea, select, [contenteditable=true]");
}

/** Whether a dialog is open: page shortcuts rest meanwhile. */
export function modal(): boolean {
  return document.querySelector("dialog[open]") !== null;
}

/** Single-key commands of a page, by `event.key` (letters in lower case). A handler returning false lets the key through. */
export function useKeys(commands: Record<string, (event: KeyboardEvent) => void | boolean>): void {
  const listen = (event: KeyboardEvent) => {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || typing(event) || modal()) return;
    const command = commands[event.key] ?? (event.shiftKey ? undefined : commands[event.key.toLowerCase()]);
    if (command && command(event) !== false) event.preventDefault();
  };
  onMounted(() => addEventListener("keydown", listen));
  onUnmounted(() => removeEventListener("keydown", listen));
}

/** The row that stands `by` places from the one of this id; the first when none has it, the last at the end. */
export function beside<T extends { id: string }>(rows: readonly T[], id: string, by: number): T | undefined {
  return rows[Math.max(0, Math.min(rows.length - 1, rows.findIndex((row) => row.id === id) + by))];
}

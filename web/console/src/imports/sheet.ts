/** What is known of a sheet that is taken in, and how a page speaks of it. */
export interface SheetError { row: number; code?: string; field: string; reason: string }
export interface SheetBatch {
  id: string; name: string; state: "checked" | "running" | "done" | "stopped" | "undoing" | "undone"; at: string; rows: number; made: number; refused: number; left: number;
  can_undo?: boolean; errors?: SheetError[];
}
export interface SheetWords<T extends SheetBatch> {
  how: string; columns: string; unreadable: string; undo: string;
  checked: (one: T) => string; progress: (one: T) => string; go: (one: T) => string; undone: (one: T) => string; until: (one: T) => string; field: (name: string) => string; why: (code: string) => string;
}

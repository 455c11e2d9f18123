/** What a page knows of its run before it has run it. */
import type { RunSource } from "./rows.ts";

export interface PageRun {
  readonly source: RunSource;
  readonly title: string;
  /** As the command came to it: the page must come to the same. "" where it is not known. */
  readonly trace: string;
}

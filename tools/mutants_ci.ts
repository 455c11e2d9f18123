/** The bugs that every check plants: one of each room, all caught within a few runs. */

export const CI_MUTANTS: readonly string[] = [
  "fig8-commit",
  "match-on-send",
  "ack-without-fsync",
  "dedupe-lost-at-restart",
  "read-before-applied",
];
/** That each of them may take. */
export const CI_RUNS = 20;

/**
 * Processor time of processes: what a message costs says more than a rate on a machine that others use as well. Only
 * Linux tells it of other processes (proc(5)).
 */
const TICK_MS = 10; // sysconf(_SC_CLK_TCK) is 100 on every Linux that Deno runs on.

/** Milliseconds that these processes and this one have used, all threads, system calls included. */
export async function processorMs(processIds: readonly number[]): Promise<number> {
  let total = 0;
  for (const id of [...processIds, Deno.pid]) total += await processorMsOf(id);
  return total;
}

/** Milliseconds that this process has used. */
export async function processorMsOf(processId: number): Promise<number> {
  const text = await Deno.readTextFile(`/proc/${processId}/stat`);
  // The name, in parentheses, may hold spaces; utime and stime are fields 14 and 15, the state after it field 3.
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) * TICK_MS;
}

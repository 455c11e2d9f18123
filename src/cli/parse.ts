/** Parses a command line, or says what to print instead and with which exit code. */
import { message } from "@optique/core/message";
import { runParser } from "@optique/core/facade";
import { type Arguments, PARSER } from "./arguments.ts";

export const VERSION = "0.1.0";
export const EXIT = { done: 0, failed: 1, usage: 2 } as const;

export type Parsed =
  | { readonly kind: "run"; readonly args: Arguments }
  /** Help, a completion script, or what is wrong with the command line. */
  | { readonly kind: "print"; readonly exitCode: number; readonly stdout: string; readonly stderr: string };

/** Tells what the parser showed from what it parsed. */
const SHOWN = Symbol("shown");

export function parse(args: readonly string[], maxWidth = 100): Parsed {
  const stdout: string[] = [];
  const stderr: string[] = [];
  let exitCode: number = EXIT.done;
  const shown = (code: number) => {
    exitCode = code === 0 ? EXIT.done : EXIT.usage;
    return SHOWN;
  };
  const result: Arguments | typeof SHOWN = runParser(PARSER, "sennit", args, {
    help: { command: true, option: true, onShow: shown },
    version: { command: true, option: true, value: VERSION, onShow: shown },
    completion: { command: true, onShow: shown },
    onError: shown,
    aboveError: "none",
    usageLine: [{ type: "literal", value: "COMMAND" }, { type: "ellipsis" }],
    commandList: "top-level",
    colors: false,
    maxWidth,
    brief: message`A mesh of nodes that carries messages exactly once in effect`,
    footer:
      message`Exit codes: 0 done, 1 failed, 2 wrong usage. A node that runs on this machine is found by its data folder.`,
    stdout: (text) => void stdout.push(text),
    stderr: (text) => void stderr.push(text),
  }) as Arguments | typeof SHOWN;
  if (result !== SHOWN) return { kind: "run", args: result };
  if (exitCode === EXIT.usage) stderr.push("Try `sennit --help`, or `sennit COMMAND --help`.");
  return { kind: "print", exitCode, stdout: lines(stdout), stderr: lines(stderr) };
}

function lines(parts: readonly string[]): string {
  return parts.map((part) => part.endsWith("\n") ? part : `${part}\n`).join("");
}

/**
 * The lint rules that keep node code deterministic (DESIGN, "Ports and determinism"): everything that a node learns
 * or does comes through its ports, so the ways around them do not pass `deno lint`. The simulator throws from the
 * same globals at run time; this is the half that needs no run.
 *
 * Node code is all of `src/` but the rooms that touch the real world, and the library's face `src/mod.ts`.
 */
import { AMBIENT_GLOBALS, INEXACT_MATH } from "./banned.ts";

const WORLDLY_ROOMS: ReadonlySet<string> = new Set(["platform", "api", "cli", "client", "app", "recording"]);

/** True for files that must be deterministic. */
export function isNodeCode(filename: string): boolean {
  const path = `/${filename.replaceAll("\\", "/")}`;
  const at = path.lastIndexOf("/src/");
  if (at < 0) return false;
  const [room, ...rest] = path.slice(at + "/src/".length).split("/");
  return rest.length > 0 && !WORLDLY_ROOMS.has(room!);
}

/** A rule that looks at node code only. */
function rule(visit: (context: Deno.lint.RuleContext) => Deno.lint.LintVisitor): Deno.lint.Rule {
  return { create: (context) => isNodeCode(context.filename) ? visit(context) : {} };
}

const noAsync = rule((context) => {
  const refuse = (node: Deno.lint.Node) =>
    context.report({
      node,
      message:
        "Node code waits for nothing: submit to a port under a token, go on when its completion arrives",
    });
  const refuseAsync = (node: { async: boolean } & Deno.lint.Node) => {
    if (node.async) refuse(node);
  };
  return {
    AwaitExpression: refuse,
    FunctionDeclaration: refuseAsync,
    FunctionExpression: refuseAsync,
    ArrowFunctionExpression: refuseAsync,
    ForOfStatement(node) {
      if (node.await) refuse(node);
    },
    Identifier(node) {
      if (node.name === "Promise" && !isName(node)) refuse(node);
    },
    MemberExpression(node) {
      if (!node.computed && node.property.type === "Identifier" && node.property.name === "then") {
        refuse(node);
      }
    },
  };
});

const noAmbient = rule((context) => ({
  Identifier(node) {
    const instead = AMBIENT_GLOBALS.get(node.name);
    if (instead !== undefined && !isName(node)) {
      context.report({ node, message: `Node code does not touch \`${node.name}\`: ${instead}` });
    }
  },
  MemberExpression(node) {
    const path = memberPath(node);
    // `crypto` and `performance` are also fair names of a port's field or a parameter: only their use counts.
    const method = path?.match(/^(?:crypto|performance)\.(\w+)$/)?.[1];
    if (
      method !== undefined && /^(subtle|getRandomValues|randomUUID|now|timeOrigin|mark|measure)$/.test(method)
    ) {
      context.report({ node, message: `Node code does not touch \`${path}\`: use the ports` });
    }
    if (path === "AbortSignal.timeout") {
      context.report({ node, message: "Node code sets no timer: ask the clock port to be woken" });
    }
    if (!node.computed && node.property.type === "Identifier") {
      if (node.property.name === "stack") {
        context.report({
          node,
          message: "A stack trace differs between runs and engines: name the place in words",
        });
      }
      if (/^(localeCompare|toLocale\w*)$/.test(node.property.name)) {
        context.report({
          node,
          message: "Order and text that follow a locale differ by machine: compare code units",
        });
      }
    }
  },
}));

const noImport = rule((context) => {
  const look = (node: Deno.lint.Node, source: unknown) => {
    if (typeof source === "string" && /^(node:|npm:|jsr:|https?:)/.test(source)) {
      context.report({
        node,
        message: `Node code does not import \`${source}\`: it runs anywhere JavaScript runs`,
      });
    }
  };
  return {
    ImportExpression(node) {
      context.report({
        node,
        message: "Node code imports nothing at run time: it would wait, and the order is nobody's",
      });
    },
    ImportDeclaration(node) {
      look(node, node.source.value);
    },
    ExportNamedDeclaration(node) {
      look(node, node.source?.value);
    },
    ExportAllDeclaration(node) {
      look(node, node.source.value);
    },
  };
});

const noInexactMath = rule((context) => {
  const power = (node: Deno.lint.Node, operator: string) => {
    if (operator.startsWith("**")) {
      context.report({
        node,
        message: "`**` may differ by engine in its last bit: multiply, or write the constant",
      });
    }
  };
  return {
    MemberExpression(node) {
      const path = memberPath(node);
      if (path === "Math.random") {
        context.report({ node, message: "Node code draws from the random port, by site and count" });
      }
      if (path !== null && path.startsWith("Math.") && INEXACT_MATH.has(path.slice("Math.".length))) {
        context.report({ node, message: `\`${path}\` may differ by engine in its last bit` });
      }
    },
    BinaryExpression: (node) => power(node, node.operator),
    AssignmentExpression: (node) => power(node, node.operator),
  };
});

const noModuleState = rule((context) => ({
  Program(program) {
    for (const statement of program.body) {
      const declared = statement.type === "ExportNamedDeclaration" ? statement.declaration : statement;
      if (declared?.type === "VariableDeclaration" && (declared.kind === "let" || declared.kind === "var")) {
        context.report({
          node: declared,
          message: "State of a module is shared by all nodes of a process: keep it in an object",
        });
      }
    }
  },
}));

/** True where an identifier only names a member or a key, and so refers to nothing outside. */
function isName(node: Deno.lint.Identifier): boolean {
  const parent = node.parent as unknown as Record<string, unknown> & { type: string };
  switch (parent.type) {
    case "MemberExpression":
      return parent["property"] === node && parent["computed"] !== true;
    case "Property":
      return parent["key"] === node && parent["computed"] !== true && parent["shorthand"] !== true;
    case "MethodDefinition":
    case "PropertyDefinition":
    case "TSPropertySignature":
    case "TSMethodSignature":
    case "TSAbstractMethodDefinition":
    case "TSAbstractPropertyDefinition":
      return parent["key"] === node && parent["computed"] !== true;
    case "TSQualifiedName":
      return parent["right"] === node;
    case "ImportSpecifier":
    case "ExportSpecifier":
      return true;
    default:
      return false;
  }
}

/** `a.b` of a plain member access, `globalThis.` left out; null for anything else. */
function memberPath(node: Deno.lint.MemberExpression): string | null {
  if (node.property.type !== "Identifier" && node.property.type !== "Literal") return null;
  const property = node.property.type === "Literal"
    ? String(node.property.value)
    : node.computed
    ? null
    : node.property.name;
  if (property === null || node.object.type !== "Identifier") return null;
  return `${node.object.name}.${property}`;
}

const plugin: Deno.lint.Plugin = {
  name: "sennit",
  rules: {
    "no-async": noAsync,
    "no-ambient": noAmbient,
    "no-import": noImport,
    "no-inexact-math": noInexactMath,
    "no-module-state": noModuleState,
  },
};

export default plugin;

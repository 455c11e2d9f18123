/**
 * One run as one page: an HTML file that needs nothing but a browser. It holds the simulator and the nodes' own code, bundled,
 * and the run's name or tape; the page makes the run itself, so what it shows is no film of it.
 */
import type { PageRun } from "./page_run.ts";

const HERE = new URL(".", import.meta.url);
/** Where the bundler finds the settings of the sources. */
const ROOT = new URL("../..", import.meta.url);

/** The page as text. Needs leave to run `deno bundle`, whose bundler the first use fetches from the package registry. */
export async function buildPage(run: PageRun): Promise<string> {
  const [engine, app, page, style] = await Promise.all([
    bundle("engine.ts"),
    bundle("app.ts"),
    Deno.readTextFile(new URL("page.html", HERE)),
    Deno.readTextFile(new URL("page.css", HERE)),
  ]);
  const parts: Readonly<Record<string, string>> = {
    TITLE: text(`${run.title} · sennit sim`),
    STYLE: style,
    RUN: JSON.stringify(run).replaceAll("<", "\\u003c"),
    ENGINE: script(engine),
    APP: script(app),
  };
  // A place in a style or a script is a comment, in data a text. By function: no character of a replacement is special then.
  const place = /\/\* %(?<style>[A-Z]+)% \*\/|"%(?<data>[A-Z]+)%"|%(?<text>[A-Z]+)%/g;
  return page.replace(place, (whole, style?: string, data?: string, text?: string) => {
    return parts[style ?? data ?? text ?? ""] ?? whole;
  });
}

async function bundle(entry: string): Promise<string> {
  const path = new URL(entry, HERE).pathname;
  const folder = await Deno.makeTempDir({ prefix: "sennit-view-" });
  try {
    const out = `${folder}/${entry}.js`;
    const args = [
      "bundle",
      "--quiet",
      "--platform",
      "browser",
      "--format",
      "iife",
      "--minify",
      "--output",
      out,
      path,
    ];
    const command = new Deno.Command(Deno.execPath(), { args, cwd: ROOT, stdout: "null", stderr: "piped" });
    const { success, stderr } = await command.output();
    if (!success) throw new Error(`Cannot bundle ${entry}: ${new TextDecoder().decode(stderr).trim()}`);
    return await Deno.readTextFile(out);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** Code inside a script element: nothing in it may look like the element's end. */
function script(code: string): string {
  return code.replaceAll("</script", "<\\/script").replaceAll("<!--", "<\\!--");
}

function text(raw: string): string {
  return raw.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
}

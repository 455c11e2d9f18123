/**
 * A headless Chromium for tests, driven over its DevTools protocol: what a page shows and what happens when a reader uses it. Where
 * the machine has none it is installed from the distribution's packages, if that is allowed; `null` says why it cannot be had.
 */

const NAMES = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];
const START_LIMIT_MS = 30_000;

async function succeeds(command: string, ...args: string[]): Promise<boolean> {
  try {
    const env = { DEBIAN_FRONTEND: "noninteractive" };
    return (await new Deno.Command(command, { args, env, stdout: "null", stderr: "null" }).output()).success;
  } catch {
    return false;
  }
}

async function find(): Promise<string | null> {
  const configured = Deno.env.get("CHROMIUM");
  for (const name of configured === undefined ? NAMES : [configured]) {
    if (await succeeds(name, "--version")) return name;
  }
  return null;
}

/** The browser's command, installed where it must be; null where it cannot be had. */
export async function findChromium(): Promise<string | null> {
  const found = await find();
  if (found !== null || Deno.build.os !== "linux" || Deno.uid() !== 0) return found;
  if (!await succeeds("apt-get", "update", "-qq")) return null;
  if (
    !await succeeds(
      "apt-get",
      "install",
      "-y",
      "-qq",
      "--no-install-recommends",
      "chromium",
      "fonts-dejavu-core",
    )
  ) {
    return null;
  }
  return await find();
}

interface Answer {
  readonly id?: number;
  readonly method?: string;
  readonly params?: Record<string, unknown>;
  readonly result?: Record<string, unknown>;
  readonly error?: { readonly message: string };
}

export class Browser implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;
  readonly #folder: string;
  readonly #socket: WebSocket;
  readonly #waiting = new Map<number, (answer: Answer) => void>();
  #lastId = 0;
  #session = "";
  /** What the page complained about: exceptions, errors on its console, requests. */
  readonly complaints: string[] = [];

  private constructor(child: Deno.ChildProcess, folder: string, socket: WebSocket) {
    this.#child = child;
    this.#folder = folder;
    this.#socket = socket;
    socket.onmessage = ({ data }) => this.#onMessage(JSON.parse(data as string) as Answer);
  }

  static async open(command: string, width: number, height: number): Promise<Browser> {
    const folder = await Deno.makeTempDir({ prefix: "sennit-chromium-" });
    const args = [
      "--headless=new",
      "--no-sandbox",
      "--disable-gpu",
      "--disable-dev-shm-usage",
      "--hide-scrollbars",
      "--no-first-run",
      "--remote-debugging-port=0",
      `--user-data-dir=${folder}`,
      `--window-size=${width},${height}`,
      "about:blank",
    ];
    const child = new Deno.Command(command, { args, stdin: "null", stdout: "null", stderr: "null" }).spawn();
    const address = await addressOf(folder);
    const socket = new WebSocket(address);
    await new Promise((resolve, reject) => {
      socket.onopen = resolve;
      socket.onerror = reject;
    });
    const browser = new Browser(child, folder, socket);
    await browser.#attach();
    await browser.#call("Emulation.setDeviceMetricsOverride", {
      width,
      height,
      deviceScaleFactor: 1,
      mobile: false,
    });
    return browser;
  }

  async goTo(url: string): Promise<void> {
    await this.#call("Page.navigate", { url });
  }
  /** The value of an expression in the page. */
  async evaluate<Value>(expression: string): Promise<Value> {
    const answer = await this.#call("Runtime.evaluate", {
      expression,
      returnByValue: true,
      awaitPromise: true,
    });
    const { result, exceptionDetails } = answer as {
      result: { value: Value };
      exceptionDetails?: { exception?: { description?: string } };
    };
    if (exceptionDetails !== undefined) {
      throw new Error(exceptionDetails.exception?.description ?? expression);
    }
    return result.value;
  }
  /** Waits for an expression to become true, as long as a slow machine may take. */
  async until(expression: string, limitMs = 90_000): Promise<void> {
    const script = `new Promise((resolve) => {
      const look = () => (${expression}) ? resolve(true) : performance.now() > ${limitMs} ? resolve(false) : setTimeout(look, 20);
      look();
    })`;
    if (!await this.evaluate<boolean>(script)) throw new Error(`The page does not come to: ${expression}`);
  }
  async key(key: string): Promise<void> {
    for (const type of ["keyDown", "keyUp"]) await this.#call("Input.dispatchKeyEvent", { type, key });
  }
  async mouse(type: "mouseMoved" | "mousePressed" | "mouseReleased", x: number, y: number): Promise<void> {
    await this.#call("Input.dispatchMouseEvent", {
      type,
      x,
      y,
      button: type === "mouseMoved" ? "none" : "left",
      clickCount: 1,
    });
  }
  async prefer(scheme: "light" | "dark"): Promise<void> {
    await this.#call("Emulation.setEmulatedMedia", {
      features: [{ name: "prefers-color-scheme", value: scheme }],
    });
  }
  async screenshot(): Promise<Uint8Array<ArrayBuffer>> {
    const { data } = await this.#call("Page.captureScreenshot", { format: "png" });
    return Uint8Array.from(atob(data as string), (char) => char.charCodeAt(0));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const isClosed = new Promise((resolve) => this.#socket.onclose = resolve);
    await this.#call("Browser.close", {}, false).catch(() => {});
    await isClosed;
    await this.#child.status;
    await Deno.remove(this.#folder, { recursive: true });
  }

  async #attach(): Promise<void> {
    const { targetInfos } = await this.#call("Target.getTargets", {}, false) as {
      targetInfos: { type: string; targetId: string }[];
    };
    const { targetId } = targetInfos.find((info) => info.type === "page")!;
    const { sessionId } = await this.#call("Target.attachToTarget", { targetId, flatten: true }, false);
    this.#session = sessionId as string;
    for (const domain of ["Page", "Runtime", "Log", "Network"]) await this.#call(`${domain}.enable`, {});
  }

  #call(method: string, params: Record<string, unknown>, isOfPage = true): Promise<Record<string, unknown>> {
    const id = ++this.#lastId;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, ({ result, error }) => {
        if (error === undefined) resolve(result!);
        else reject(new Error(`${method}: ${error.message}`));
      });
      this.#socket.send(
        JSON.stringify({ id, method, params, ...(isOfPage ? { sessionId: this.#session } : {}) }),
      );
    });
  }

  #onMessage(answer: Answer): void {
    const { id, method, params } = answer;
    if (id !== undefined) {
      this.#waiting.get(id)?.(answer);
      this.#waiting.delete(id);
    } else if (method === "Runtime.exceptionThrown") this.complaints.push(JSON.stringify(params));
    else if (method === "Log.entryAdded") this.complaints.push(JSON.stringify(params));
    else if (method === "Network.requestWillBeSent") {
      const { url } = params!["request"] as { url: string };
      if (!/^(file|data|blob|about):/.test(url)) this.complaints.push(`asks for ${url}`);
    }
  }
}

async function addressOf(folder: string): Promise<string> {
  const deadlineMs = performance.now() + START_LIMIT_MS;
  for (;;) {
    try {
      const [port, path] = (await Deno.readTextFile(`${folder}/DevToolsActivePort`)).split("\n");
      if (path !== undefined) return `ws://127.0.0.1:${port}${path}`;
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
    if (performance.now() > deadlineMs) throw new Error("Chromium does not open its port");
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

// Restores on the server that sent the page. See interface.js.

const AGAIN = 1000; // milliseconds until a lost connection is opened again

class CancelledError extends Error {
  name = "AbortError";
}

async function answer(response) {
  if (response.ok) return response;
  const error = new Error((await response.text()) || `the server answered ${response.status}`);
  error.gone = response.status === 410;
  throw error;
}

async function bitmapOf(bytes, width, height) {
  return createImageBitmap(new ImageData(new Uint8ClampedArray(bytes), width, height));
}

class ServerEngine {
  keepsWhole = true;
  rest = 20;
  onoffline = () => {};
  ononline = () => {};
  onload = () => {};
  #socket = null;
  #asked = 0;
  #jobs = new Map(); // number: {request, resolve, reject, onTile}
  #inFlight = null; // number of the view that is being restored
  #waiting = null; // the newest queued view

  async about() {
    return (await this.#fetch("about")).json();
  }

  open(file) {
    return this.#opened(() =>
      this.#fetch("pictures", {
        method: "POST",
        body: file,
        headers: { "X-Name": encodeURIComponent(file.name) },
      }),
    );
  }

  sample(name) {
    return this.#opened(() =>
      this.#fetch(`samples/${encodeURIComponent(name)}`, { method: "POST" }),
    );
  }

  degrade(picture, task, level) {
    const query = new URLSearchParams({ task, level });
    return this.#opened(() =>
      this.#of(picture, (id) => this.#fetch(`pictures/${id}/test?${query}`, { method: "POST" })),
    );
  }

  async before(picture, box, scale) {
    const response = await this.#of(picture, (id) =>
      this.#fetch(`pictures/${id}/view?box=${box.join(",")}&scale=${scale}`),
    );
    const [width, height] = response.headers.get("X-Size").split(",").map(Number);
    return bitmapOf(await response.arrayBuffer(), width, height);
  }

  // One view is in flight. Of those that are requested meanwhile only the newest is restored.
  view(request) {
    return new Promise((resolve, reject) => {
      const job = { request: { ...request, kind: "view" }, resolve, reject };
      if (this.#inFlight === null) return this.#send(job);
      this.#waiting?.reject(new CancelledError("A newer view was requested."));
      this.#waiting = job;
    });
  }

  // Restores the whole picture. Views are then cut from it.
  whole(request, onTile) {
    return new Promise((resolve, reject) => {
      this.#send({ request: { ...request, kind: "whole" }, resolve, reject, onTile });
    });
  }

  async save({ picture, task, level, painting }, onTile) {
    const painted = await this.#painted(picture, painting);
    const query = new URLSearchParams({ task, level, painted });
    const counting = setInterval(async () => {
      const { done, count } = await (await this.#fetch(`pictures/${picture.id}/progress`)).json();
      if (count) onTile(done, count);
    }, 300);
    try {
      const response = await this.#of(picture, (id) =>
        this.#fetch(`pictures/${id}/restored?${query}`),
      );
      return { blob: await response.blob(), name: picture.saved };
    } finally {
      clearInterval(counting);
    }
  }

  async estimate(picture, task) {
    const response = await this.#of(picture, (id) =>
      this.#fetch(`pictures/${id}/level?task=${encodeURIComponent(task)}`),
    );
    return (await response.json()).level;
  }

  // The same restoration as a command, with the file name quoted for a shell.
  command(picture, task, level) {
    const quoted = (name) => `'${name.replaceAll("'", "'\\''")}'`;
    const names = `${quoted(picture.name)} ${quoted(picture.saved)}`;
    // Without a model the command chooses between the networks for colour and for gray.
    const model = task.gray ? "" : ` --model ${quoted(task.model)}`;
    const levels = Array.isArray(level)
      ? task.sliders.map(({ name }, axis) => `${name}=${level[axis]}`).join(" ")
      : level;
    return `keras-hyper restore ${names} --task ${task.name}${model} --level ${levels}`;
  }

  python(picture, task, level) {
    const large = task.enlarges
      ? [
          `height, width = (round(side * ${level}) for side in picture.shape[:2])`,
          "picture = enlarge_picture(picture, height, width)",
        ]
      : [];
    const [low, high] = task.gray?.range ?? [1, 0];
    const model = picture.gray && low <= level && level <= high ? task.gray.model : task.model;
    return [
      "import keras_hyper",
      "import numpy as np",
      "from PIL import Image",
      ...(task.enlarges ? ["from pipelines.enlarging import enlarge_picture"] : []),
      "",
      `picture = np.asarray(Image.open(${JSON.stringify(picture.name)}))`,
      ...large,
      `model = keras_hyper.HyperRes.from_preset(${JSON.stringify(model)})`,
      `restored = keras_hyper.restore(picture, ${Array.isArray(level) ? `(${level.join(", ")})` : level}, model)`,
      `Image.fromarray(restored).save(${JSON.stringify(picture.saved)})`,
      "",
    ].join("\n");
  }

  async #fetch(...given) {
    let response;
    try {
      response = await fetch(...given);
    } catch (error) {
      throw new Error("The server does not respond.", { cause: error });
    }
    return answer(response);
  }

  // A picture keeps a function that opens it again, for a server that restarted or closed it.
  async #opened(open) {
    const picture = await (await open()).json();
    picture.reopen = async () => {
      picture.id = (await (await open()).json()).id;
      picture.painted = null;
    };
    return picture;
  }

  async #of(picture, job) {
    try {
      return await job(picture.id);
    } catch (error) {
      if (!error.gone || !picture.reopen) throw error;
      await picture.reopen();
      return job(picture.id);
    }
  }

  async #painted(picture, painting) {
    if (!painting?.number) return 0;
    const { number } = painting;
    if (picture.painted !== number) {
      const body = await painting.file();
      await this.#of(picture, (id) =>
        this.#fetch(`pictures/${id}/paintings/${number}`, { method: "PUT", body }),
      );
      picture.painted = number;
    }
    return number;
  }

  async #send(job) {
    const number = (this.#asked += 1),
      { kind, picture, task, level, box, scale, painting } = job.request;
    if (kind === "view") this.#inFlight = number;
    try {
      const painted = await this.#painted(picture, painting);
      await this.#connected();
      this.#jobs.set(number, job);
      this.#socket.send(
        JSON.stringify({ id: number, kind, picture: picture.id, task, level, box, scale, painted }),
      );
    } catch (error) {
      this.#finished(number);
      job.reject(error);
    }
  }

  #finished(number) {
    this.#jobs.delete(number);
    if (this.#inFlight !== number) return;
    this.#inFlight = null;
    const next = this.#waiting;
    this.#waiting = null;
    if (next) this.#send(next);
  }

  async #received({ data }) {
    if (typeof data !== "string") {
      const length = new DataView(data).getUint32(0);
      const facts = JSON.parse(new TextDecoder().decode(new Uint8Array(data, 4, length)));
      const job = this.#jobs.get(facts.id);
      this.#finished(facts.id);
      const bitmap = await bitmapOf(data.slice(4 + length), facts.width, facts.height);
      return job?.resolve({ bitmap, psnr: facts.psnr, exact: facts.exact });
    }
    const facts = JSON.parse(data),
      job = this.#jobs.get(facts.id);
    if (!job) return;
    if (facts.count) return job.onTile?.(facts.done, facts.count);
    this.#finished(facts.id);
    if (facts.whole) return job.resolve();
    if (facts.cancelled) return job.reject(new CancelledError("The request was cancelled."));
    if (!facts.gone || job.reopen || !job.request.picture.reopen)
      return job.reject(new Error(facts.error));
    try {
      await job.request.picture.reopen();
      this.#send({ ...job, reopen: true });
    } catch (error) {
      job.reject(error);
    }
  }

  #connected() {
    if (this.#socket?.readyState === WebSocket.OPEN) return Promise.resolve();
    this.#opening ??= new Promise((resolve, reject) => {
      const address = new URL("live", location.href);
      address.protocol = location.protocol === "https:" ? "wss:" : "ws:";
      const socket = new WebSocket(address);
      socket.binaryType = "arraybuffer";
      socket.onmessage = (message) => this.#received(message);
      socket.onopen = () => {
        this.#socket = socket;
        this.#opening = null;
        resolve();
        if (this.offline) {
          this.offline = false;
          this.ononline();
        }
      };
      socket.onclose = () => {
        this.#opening = null;
        const error = new Error("The server does not respond.");
        error.offline = true;
        reject(error);
        this.#lost(error);
      };
    });
    return this.#opening;
  }

  #opening = null;

  #lost(error) {
    const jobs = [...this.#jobs.values(), ...(this.#waiting ? [this.#waiting] : [])];
    this.#jobs.clear();
    this.#waiting = this.#inFlight = null;
    for (const job of jobs) job.reject(error);
    this.offline = true;
    this.onoffline();
    setTimeout(() => this.#connected().catch(() => {}), AGAIN);
  }
}

export const engine = new ServerEngine();

// Runs the ONNX files of the static page: by WebGPU where it is fast and right, else by WebAssembly.
"use strict";

const here = (path) => new URL(`../../${path}`, import.meta.url).href;
const CLOSE = 1e-3; // largest difference between both, of samples in [0, 1]; of levels a share
const sessions = new Map();
const loaded = new Map(); // bytes of each download so far, by path
let about = null;

export async function fetched(path) {
  const response = await fetch(here(path));
  if (!response.ok)
    throw new Error(`${path} could not be loaded: ${response.status} ${response.statusText}`);
  return response;
}

export async function facts() {
  about = about || (await (await fetched("about.json")).json());
  return about;
}

// Loads a file, and reports to the page how many bytes of all such files are loaded.
async function downloaded(path) {
  const response = await fetched(path);
  const { files } = await facts();
  const counted = new TransformStream({
    transform(part, stream) {
      loaded.set(path, loaded.get(path) + part.length);
      const totals = [...loaded.keys()].map((one) => files[one]);
      const [done, all] = [[...loaded.values()], totals].map(sum);
      self.postMessage({ loaded: [done, all] });
      if (done === all) loaded.clear();
      stream.enqueue(part);
    },
  });
  loaded.set(path, 0);
  return new Uint8Array(await new Response(response.body.pipeThrough(counted)).arrayBuffer());
}

const sum = (numbers) => numbers.reduce((all, one) => all + one, 0);

// Whether there is a GPU. What emulates one is slower than WebAssembly, and this build of
// onnxruntime needs JavaScript Promise Integration. `?engine=` chooses otherwise.
async function hasGpu() {
  const wanted = new URLSearchParams(self.location.search).get("engine");
  if (wanted === "wasm" || !("Suspending" in WebAssembly)) return false;
  const adapter = await navigator.gpu?.requestAdapter().catch(() => null);
  return Boolean(adapter) && (wanted === "webgpu" || !adapter.info.isFallbackAdapter);
}

// onnxruntime, with its WebAssembly. That is compressed in the site: few hosts compress it.
let runtime = null;
async function loadRuntime() {
  const gpu = await hasGpu(),
    [script, wasm] = gpu ? ["jspi", "simd-threaded.jspi"] : ["wasm", "simd-threaded"];
  const [ort, data] = await Promise.all([
    import(here(`ort/ort.${script}.bundle.min.js`)),
    downloaded(`ort/ort-wasm-${wasm}.wasm.gz`),
  ]);
  // Threads share memory, which a browser allows where the site's headers isolate it.
  ort.env.wasm.numThreads = globalThis.crossOriginIsolated
    ? Math.min(4, navigator.hardwareConcurrency)
    : 1;
  ort.env.logLevel = "error";
  ort.env.wasm.wasmBinary = data[0] === 0x1f ? await unpacked(data) : data;
  return { ort, gpu };
}

// Some hosts declare the compression, and the browser has undone it.
async function unpacked(data) {
  const plain = new Blob([data]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Uint8Array(await new Response(plain).arrayBuffer());
}

// A session whose results equal WebAssembly's on a test picture, or that of WebAssembly: a fault of
// a driver is seen neither by onnxruntime nor by the user.
async function opened(file, level) {
  runtime ??= loadRuntime();
  runtime.catch(() => (runtime = null));
  const [data, { ort, gpu }] = await Promise.all([downloaded(file), runtime]);
  const create = (provider) =>
    ort.InferenceSession.create(data, { executionProviders: [provider] });
  const plain = await create("wasm");
  if (!gpu) return plain;
  let fast = null;
  try {
    fast = await create("webgpu");
    const [ours, exact] = [await tested(fast, ort, level), await tested(plain, ort, level)];
    const difference = Math.max(
      ...exact.map((one, i) => Math.abs(one - ours[i]) / Math.max(1, Math.abs(one))),
    );
    if (!(difference <= CLOSE)) throw new Error(`its result differs by ${difference}`);
  } catch (error) {
    console.warn(`${file} runs without WebGPU: ${error.message}`);
    await fast?.release();
    return plain;
  }
  await plain.release();
  return fast;
}

// The results of a session on a small test picture, at a level unless it takes none.
async function tested(session, ort, level) {
  const channels = session.inputMetadata[0].shape.at(-1),
    [height, width] = level ? [24, 32] : [128, 128];
  const pixels = Float32Array.from(
    { length: height * width * channels },
    (_, i) => 0.5 + 0.4 * Math.sin(i * i),
  );
  const inputs = { image: [pixels, [1, height, width, channels]], ...(level && { level }) };
  return runOn(session, ort, inputs);
}

async function runOn(session, ort, inputs) {
  const tensors = Object.entries(inputs).map(([name, [numbers, sides]]) => [
    name,
    new ort.Tensor("float32", numbers, sides),
  ]);
  const [output] = Object.values(await session.run(Object.fromEntries(tensors)));
  return output.data;
}

// A session of a model's file, opened once; a file that failed to load is requested again.
function session(file, level) {
  if (!sessions.has(file)) {
    const opening = opened(file, level);
    sessions.set(file, opening);
    opening.catch(() => sessions.delete(file));
  }
  return sessions.get(file);
}

// Runs a model's file on tensors, given as `[numbers, sides]` by name. One runs at a time, since
// they share the processor. A GPU that is lost, as in sleep, gets one more attempt.
let queue = Promise.resolve();
export function run(file, inputs) {
  const job = queue.then(() =>
    attempt(file, inputs).catch(async (error) => {
      if (!(await runtime)?.gpu) throw error;
      sessions.clear();
      return attempt(file, inputs);
    }),
  );
  queue = job.catch(() => {});
  return job;
}

async function attempt(file, inputs) {
  const running = await session(file, inputs.level);
  return runOn(running, (await runtime).ort, inputs);
}

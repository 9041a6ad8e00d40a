// Pictures in a browser: opens, reads parts, degrades.
"use strict";

import { rounded } from "./arithmetic.js";
import { enlarged } from "./enlarging.js";
import { header } from "./headers.js";

// Pixels that a canvas holds at a time: large ones are refused by some browsers.
const STRIP = 1 << 20;
// Formats by their first bytes: those that can be animated, and others.
const ANIMATED = { 0x47494638: "image/gif", 0x52494646: "image/webp", 0x89504e47: "image/png" };
const STILL = [0xffd8, 0x424d];
const HEIF = /\.hei[cf]$/i;

// Opens a file as RGBA of 8 bits, rotated by its EXIF orientation.
export async function readPicture(file, name, limits) {
  if (file.size > limits.bytes)
    throw new Error(`${name}: expected at most ${limits.bytes} bytes, got ${file.size}`);
  const data = new DataView(await file.arrayBuffer()),
    claimed = header(data);
  if (claimed) checkSize(name, claimed.width, claimed.height, limits);
  let bitmap,
    frames = 1;
  try {
    if (claimed?.damaged) throw new Error("the file is truncated");
    frames = await framesOf(data);
    bitmap = await createImageBitmap(file);
  } catch (error) {
    throw new Error(`${name}: ${reasonFor(name, data)}`, { cause: error });
  }
  if (frames > 1) throw new Error(`${name}: expected a still picture, got ${frames} frames`);
  const { width, height } = bitmap;
  checkSize(name, width, height, limits);
  const pixels = drawn(bitmap);
  bitmap.close();
  let opaque = true,
    equal = true; // channels
  for (let i = 0; i < pixels.length; i += 4) {
    opaque &&= pixels[i + 3] === 255;
    equal &&= pixels[i] === pixels[i + 1] && pixels[i] === pixels[i + 2];
  }
  const { gray = false, table = null } = claimed || {};
  return { name, width, height, pixels, opaque, gray, equal, table, clean: null };
}

function reasonFor(name, data) {
  const [suffix] = name.match(HEIF) ?? [];
  if (suffix) return `expected a browser that reads ${suffix} files, as Safari does`;
  const known =
    data.byteLength > 4 &&
    (ANIMATED[data.getUint32(0)] || STILL.includes(data.getUint16(0)) || header(data));
  return known ? "no picture, or a damaged one" : "no picture of a known format";
}

// Pictures in an animated file; 1 where the browser does not count them.
async function framesOf(data) {
  const type = ANIMATED[data.byteLength > 4 && data.getUint32(0)];
  if (!type || !globalThis.ImageDecoder) return 1;
  const decoder = new ImageDecoder({ data, type });
  await decoder.tracks.ready;
  const { frameCount } = decoder.tracks.selectedTrack;
  decoder.close();
  return frameCount;
}

function checkSize(name, width, height, limits) {
  if (width * height > limits.pixels) {
    const limit = limits.pixels.toLocaleString("en");
    throw new Error(`${name}: ${width}x${height} pixels are more than the limit of ${limit}`);
  }
}

function drawn(bitmap) {
  const { width, height } = bitmap,
    rows = Math.max(1, Math.min(height, Math.floor(STRIP / width)));
  const context = new OffscreenCanvas(width, rows).getContext("2d", { willReadFrequently: true });
  const pixels = new Uint8ClampedArray(4 * width * height);
  for (let top = 0; top < height; top += rows) {
    const count = Math.min(rows, height - top);
    context.clearRect(0, 0, width, rows);
    context.drawImage(bitmap, 0, -top);
    pixels.set(context.getImageData(0, 0, width, count).data, 4 * width * top);
  }
  return pixels;
}

// RGBA of a part of a picture; of an enlarged one it is computed here.
export function pixelsOf(picture, x, y, width, height) {
  if (picture.from) return enlarged(picture.from, picture, [x, y, width, height]);
  const part = new Uint8ClampedArray(4 * width * height);
  for (let row = 0; row < height; row++) {
    const from = 4 * ((y + row) * picture.width + x);
    part.set(picture.pixels.subarray(from, from + 4 * width), 4 * row * width);
  }
  return part;
}

// The picture as a JPEG of some quality, by the browser's own encoder.
export async function recompressed(picture, quality) {
  const { width, height } = picture,
    pixels = new Uint8ClampedArray(picture.pixels);
  for (let i = 3; i < pixels.length; i += 4) pixels[i] = 255;
  let bitmap, table;
  try {
    const canvas = new OffscreenCanvas(width, height);
    canvas.getContext("2d").putImageData(new ImageData(pixels, width, height), 0, 0);
    const file = await canvas.convertToBlob({ type: "image/jpeg", quality: quality / 100 });
    table = header(new DataView(await file.arrayBuffer())).table;
    bitmap = await createImageBitmap(file);
  } catch (error) {
    throw new Error(`This browser cannot write a JPEG of ${width} x ${height} pixels.`, {
      cause: error,
    });
  }
  const result = drawn(bitmap);
  bitmap.close();
  for (let i = 3; i < result.length; i += 4) result[i] = picture.pixels[i];
  return { pixels: result, table };
}

// The picture shrunk by a factor, and the clean one, cut so that both have whole sides.
export function shrunkBy(picture, factor) {
  const small = [picture.width, picture.height].map((side) => Math.floor(side / factor)),
    [width, height] = small.map((side) => rounded(side * factor));
  const clean = { ...picture, width, height, pixels: pixelsOf(picture, 0, 0, width, height) },
    size = { width: small[0], height: small[1] };
  return { ...size, pixels: enlarged(clean, size, [0, 0, ...small]), table: null, clean };
}

// The networks of the static page: restores and estimates.
"use strict";

import { gridCrops, shrunkLevel, strengths } from "./arithmetic.js";
import { qualityOf } from "./headers.js";
import { pixelsOf } from "./pictures.js";
import { facts, run } from "./sessions.js";

export const pace = { speed: 60 }; // pixels a millisecond, of the networks so far

export async function taskOf(name) {
  const task = (await facts()).tasks.find((one) => one.name === name);
  if (!task) throw new Error(`No such task: ${name}.`);
  return task;
}

// The network of a picture: that for gray where the site has one for this level.
export function networkOf(task, picture, level) {
  const [low, high] = task.gray?.range ?? [1, 0];
  return picture.equal && low <= level && level <= high ? { ...task, ...task.gray } : task;
}

// Restores a window of RGBA pixels by a task's network, at a level for each axis; alpha stays.
async function restored(task, levels, gray, pixels, width, height) {
  const dims = levels.length > 1 ? [levels.length] : [],
    began = performance.now(),
    count = width * height,
    channels = task.channels;
  const { luma: weights } = await facts(),
    luma = (r, g, b) => weights[0] * r + weights[1] * g + weights[2] * b;
  const image = new Float32Array(count * channels);
  for (let i = 0, j = 0; i < count; i++) {
    const r = pixels[4 * i] / 255,
      g = pixels[4 * i + 1] / 255,
      b = pixels[4 * i + 2] / 255;
    if (channels === 1) image[i] = gray ? r : luma(r, g, b);
    else {
      image[j++] = r;
      image[j++] = g;
      image[j++] = b;
    }
  }
  const after = await run(task.file, {
    image: [image, [1, height, width, channels]],
    level: [Float32Array.from(levels), dims],
  });
  const result = new Uint8ClampedArray(pixels.length);
  for (let i = 0; i < count; i++) {
    const at = 4 * i;
    if (channels === 3 && !gray) {
      for (let c = 0; c < 3; c++) result[at + c] = after[3 * i + c] * 255;
    } else if (gray) {
      const one =
        channels === 1 ? after[i] : luma(after[3 * i], after[3 * i + 1], after[3 * i + 2]);
      result[at] = result[at + 1] = result[at + 2] = one * 255;
    } else {
      // One number added to all three colours changes the luma and leaves the chroma.
      const change = (after[i] - image[i]) * 255;
      for (let c = 0; c < 3; c++) result[at + c] = pixels[at + c] + change;
    }
    result[at + 3] = pixels[at + 3];
  }
  pace.speed = 0.5 * pace.speed + (0.5 * count) / Math.max(1, performance.now() - began);
  return result;
}

// Restores pixels of a part of a picture. Where it is painted, the result is mixed with that of the
// weakest or of the strongest level of the slider.
export async function mixed(
  { picture, task, level, painting },
  before,
  box,
  width,
  height,
  scale = 1,
) {
  const run = (at) => {
    const levels = [at].flat().map((one, axis) => shrunkLevel(task.strengths[axis], one, scale));
    return restored(task, levels, picture.gray, before, width, height);
  };
  const after = await run(level);
  if (!painting) return after;
  const strength = strengths(painting, picture, box, width, height),
    [slider] = task.sliders,
    [low, high] = slider.ends;
  for (const [sign, end] of slider.rising
    ? [
        [-1, low],
        [1, high],
      ]
    : [
        [-1, high],
        [1, low],
      ]) {
    if (!strength.some((one) => one * sign > 0)) continue;
    const other = await run(end);
    strength.forEach((one, i) => {
      if (one * sign > 0)
        for (let c = 4 * i; c < 4 * i + 3; c++) after[c] += Math.abs(one) * (other[c] - after[c]);
    });
  }
  return after;
}

export async function estimate(picture, task) {
  const { estimator } = task,
    [{ ends, rising }] = task.sliders;
  // A JPEG file records its quality.
  if (task.reads && picture.table) return qualityOf(picture.table, (await facts()).quantisation);
  if (!estimator)
    throw new Error(`${picture.name}: the level cannot be estimated from this picture`);
  const { width, height } = picture,
    least = estimator.min_side;
  if (Math.min(width, height) < least) {
    const wanted = `Expected a picture of at least ${least} pixels a side`;
    throw new Error(`${wanted}, got ${width} x ${height}.`);
  }
  const rows = gridCrops(height, estimator),
    columns = gridCrops(width, estimator),
    size = [rows[0].length, columns[0].length];
  const crops = new Float32Array(rows.length * columns.length * size[0] * size[1] * 3);
  let at = 0;
  for (const row of rows) {
    for (const column of columns) {
      const pixels = pixelsOf(picture, column.start, row.start, size[1], size[0]);
      for (let i = 0; i < pixels.length; i += 4) {
        for (let c = 0; c < 3; c++) crops[at++] = pixels[i + c] / 255;
      }
    }
  }
  const image = [crops, [rows.length * columns.length, ...size, 3]],
    levels = await run(estimator.file, { image });
  const level = Math.max(0, [...levels].sort((a, b) => a - b)[estimator.rank]);
  const { limit, minimum, maximum, whole } = estimator;
  // Next to no damage: the weakest restoration.
  if (limit !== null && (rising ? level < limit : level > limit)) return ends[rising ? 0 : 1];
  const valid = Math.min(Math.max(level, minimum), maximum);
  return whole ? Math.round(valid) : valid;
}

// Tiles, averages and figures: the arithmetic of the worker.
"use strict";

// Splits a part of a side into tiles: the result (from, to) and the input with its margin (start,
// end). Inputs start at multiples of what the network needs.
export function tiles(first, length, whole, { halo, multiple }, tile) {
  const count = Math.ceil(length / tile),
    size = multiple * Math.ceil(length / count / multiple),
    rows = [];
  for (let from = first; from < first + length; from += size) {
    const to = Math.min(from + size, first + length);
    rows.push({
      from,
      to,
      start: Math.max(0, multiple * Math.floor((from - halo) / multiple)),
      end: Math.min(whole, to + halo),
    });
  }
  return rows;
}

// The level of a picture shrunk by averaging: `points` are the task's (level, strength), levels
// ascending, between which strength is linear; averaging multiplies it by the scale.
export function shrunkLevel(points, level, scale) {
  if (!points.length) return level;
  const inverse = points.map(([x, y]) => [y, x]).sort((a, b) => a[0] - b[0]);
  return interpolated(inverse, interpolated(points, level) * scale);
}

function interpolated(points, x) {
  const i = points.findIndex((point) => point[0] >= x);
  if (i <= 0) return points.at(i)[1];
  const [[x0, y0], [x1, y1]] = points.slice(i - 1, i + 1);
  return y0 + ((y1 - y0) * (x - x0)) / (x1 - x0);
}

// Averages RGBA pixels of a box over the areas of fewer pixels; they are added part by part.
export class Reducer {
  constructor(box, width, height) {
    this.box = box;
    this.width = width;
    this.height = height;
    this.same = width === box[2] && height === box[3];
    this.sums = this.same
      ? new Uint8ClampedArray(4 * width * height)
      : new Float32Array(4 * width * height);
    this.columns = shares(box[2], width);
    this.rows = shares(box[3], height);
  }

  // `pixels` has `stride` pixels a row; the part of the picture, (x, y, width, height), begins in it
  // at (left, top).
  add(pixels, stride, [left, top], [x, y, width, height]) {
    x -= this.box[0];
    y -= this.box[1];
    for (let row = 0; row < height; row++) {
      const from = 4 * ((top + row) * stride + left);
      if (this.same) {
        this.sums.set(pixels.subarray(from, from + 4 * width), 4 * ((y + row) * this.width + x));
      } else {
        this.addRow(pixels, from, x, width, y + row);
      }
    }
  }

  addRow(pixels, from, x, width, y) {
    const { first: rows, share: rowShare, next: rowNext } = this.rows;
    const { first: columns, share: columnShare, next: columnNext } = this.columns;
    for (let part = 0; part < 2; part++) {
      const vertical = part ? rowNext[y] : rowShare[y];
      if (!vertical) continue;
      const start = 4 * (rows[y] + part) * this.width;
      for (let column = 0; column < width; column++) {
        const at = start + 4 * columns[x + column],
          source = from + 4 * column;
        const here = vertical * columnShare[x + column],
          beside = vertical * columnNext[x + column];
        for (let c = 0; c < 4; c++) {
          this.sums[at + c] += here * pixels[source + c];
          if (beside) this.sums[at + 4 + c] += beside * pixels[source + c];
        }
      }
    }
  }

  pixels() {
    return this.same ? this.sums : new Uint8ClampedArray(this.sums);
  }
}

// Of each of `many` cells along a side: the first of `few` it lies in, its share of that one and of
// the next.
function shares(many, few) {
  const first = new Int32Array(many),
    share = new Float32Array(many),
    next = new Float32Array(many),
    scale = few / many;
  for (let i = 0; i < many; i++) {
    first[i] = Math.min(few - 1, Math.floor(i * scale));
    const beyond = (i + 1) * scale - (first[i] + 1);
    next[i] = first[i] + 1 < few && beyond > 1e-9 ? beyond : 0;
    share[i] = scale - next[i];
  }
  return { first, share, next };
}

// The crops along a side that the level is estimated from.
export function gridCrops(side, { crop, grid }) {
  const length = Math.min(side, crop);
  return Array.from({ length: grid }, (_, step) => ({
    start: Math.floor(((side - length) * step) / (grid - 1)),
    length,
  }));
}

// Rounds halves to even, as Python does.
export const rounded = (x) => (x % 1 === 0.5 ? 2 * Math.round(x / 2) : Math.round(x));

// How strongly each pixel of a part is painted: from -1, the weakest end of the slider, to 1. The
// painting {gray, neutral, width, height} is scaled to the picture, the part to width x height.
export function strengths(painting, picture, [left, top, wide, high], width, height) {
  const columns = cells(left, wide, width, picture.width, painting.width),
    rows = cells(top, high, height, picture.height, painting.height);
  const strength = new Float32Array(width * height),
    at = (row, column) => painting.gray[row * painting.width + column];
  for (let y = 0, i = 0; y < height; y++) {
    const [above, below, down] = rows[y];
    for (let x = 0; x < width; x++, i++) {
      const [first, second, right] = columns[x];
      const upper = at(above, first) * (1 - right) + at(above, second) * right,
        lower = at(below, first) * (1 - right) + at(below, second) * right;
      const gray = upper * (1 - down) + lower * down - painting.neutral;
      strength[i] = Math.max(-1, gray / (255 - painting.neutral));
    }
  }
  return strength;
}

// For each of `few` pixels over a part of a side: its two nearest cells, and the share of the second.
function cells(start, length, few, whole, count) {
  return Array.from({ length: few }, (_, i) => {
    const at = ((start + ((i + 0.5) * length) / few) * count) / whole - 0.5,
      inside = Math.min(Math.max(at, 0), count - 1),
      first = Math.floor(inside);
    return [first, Math.min(first + 1, count - 1), inside - first];
  });
}

// Peak signal to noise ratio of 8 bits, in dB; infinite for equal pictures.
export const psnr = (squaredError, values) => 10 * Math.log10((255 * 255 * values) / squaredError);

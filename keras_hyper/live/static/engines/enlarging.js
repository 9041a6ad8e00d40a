// Bicubic enlarging as pipelines/enlarging.py does it, by OpenCV's kernel, for a part of the result.
"use strict";

// RGBA of a part [x, y, wide, high] of a picture enlarged to a size {width, height}.
export function enlarged(picture, { width, height }, [x, y, wide, high]) {
  const columns = taps(picture.width, width, x, wide),
    rows = taps(picture.height, height, y, high),
    first = Math.min(...rows.map(({ places }) => places[0])),
    last = Math.max(...rows.map(({ places }) => places[3]));
  const lines = new Map();
  for (let row = first; row <= last; row++) lines.set(row, enlargedRow(picture, row, columns));
  const pixels = new Uint8ClampedArray(4 * wide * high);
  rows.forEach(({ places, weights }, row) => {
    const from = places.map((place) => lines.get(place)),
      start = 4 * wide * row;
    const sum = (i) => {
      let all = 0;
      for (let tap = 0; tap < 4; tap++) all += from[tap][i] * weights[tap];
      return all;
    };
    for (let i = 0; i < 4 * wide; i += 4) {
      // Alpha below half a step is rounded to 0.
      const alpha = picture.opaque ? 1 : Math.max(sum(i + 3) / 255, 0.5 / 255);
      for (let c = 0; c < 3; c++) pixels[start + i + c] = Math.floor(sum(i + c) / alpha + 0.5);
      pixels[start + i + 3] = Math.floor(sum(i + 3) + 0.5);
    }
  });
  return pixels;
}

// One row of the picture, enlarged along x. Colour counts by its alpha.
function enlargedRow(picture, row, columns) {
  const line = new Float32Array(4 * columns.length);
  columns.forEach(({ places, weights }, column) => {
    for (let tap = 0; tap < 4; tap++) {
      const at = 4 * (row * picture.width + places[tap]),
        alpha = picture.pixels[at + 3],
        weight = weights[tap] * (picture.opaque ? 1 : alpha / 255);
      for (let c = 0; c < 3; c++) line[4 * column + c] += weight * picture.pixels[at + c];
      line[4 * column + 3] += weights[tap] * alpha;
    }
  });
  return line;
}

// The four old samples around each new one, and their weights; beyond the edge the edge repeats.
function taps(old, size, start, count) {
  return Array.from({ length: count }, (_, i) => {
    const scale = Math.fround(old / size),
      centre = Math.fround(Math.fround(Math.fround(start + i + 0.5) * scale) - 0.5),
      first = Math.floor(centre);
    const places = [-1, 0, 1, 2].map((tap) => Math.min(Math.max(first + tap, 0), old - 1));
    // Eleven bits, as OpenCV holds its weights for bytes.
    const weights = [-1, 0, 1, 2].map(
      (tap) => Math.round(cubic(centre - first - tap) * 2048) / 2048,
    );
    return { places, weights };
  });
}

// The cubic convolution kernel with a slope of -0.75 at distance 1 (Keys, 1981).
function cubic(distance) {
  const x = Math.abs(distance),
    a = -0.75;
  if (x <= 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
  return x < 2 ? ((x - 5) * x + 8) * x * a - 4 * a : 0;
}

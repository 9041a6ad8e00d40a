// Noise that the page adds to clean pictures; the same for the same picture and level.
"use strict";

// White Gaussian noise, clipped and rounded to 8 bits.
export function noisy(picture, sigma) {
  const sample = normal(1),
    pixels = new Uint8ClampedArray(picture.pixels);
  for (let i = 0; i < pixels.length; i += 4) {
    const shared = picture.gray ? sample() * sigma : 0;
    for (let c = 0; c < 3; c++) pixels[i + c] += picture.gray ? shared : sample() * sigma;
  }
  return { pixels, table: null };
}

// Standard normal numbers by Marsaglia's polar method, from a small mixing generator.
function normal(seed) {
  let state = seed >>> 0,
    spare = null;
  const uniform = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 31 - 1;
  };
  return () => {
    if (spare !== null) {
      const kept = spare;
      spare = null;
      return kept;
    }
    let x, y, square;
    do {
      x = uniform();
      y = uniform();
      square = x * x + y * y;
    } while (square >= 1 || square === 0);
    const scale = Math.sqrt((-2 * Math.log(square)) / square);
    spare = y * scale;
    return x * scale;
  };
}

// Noise as cameras leave it, by means of what pipelines/degradations/camera.py samples: correlated,
// the chroma more coarsely than the luma, and dependent on the brightness.
const LUMA_BLUR = 0.75,
  CHROMA_BLUR = 1.5,
  SHARED = 0.5, // correlation of the channels
  EQUAL_AT = 0.01, // linear light with as much shot noise as read noise
  [PEAK, WIDTH, FAR] = [0.31, 0.18, 0.5];

export function cameraNoise(picture, level, luma) {
  const { width, height, gray } = picture,
    count = width * height,
    field = noiseField(width, height, gray, luma);
  const pixels = new Uint8ClampedArray(picture.pixels),
    values = Array.from({ length: 256 }, (_, value) => deviation(value / 255)),
    middle = deviation(0.5);
  for (let c = 0; c < 3; c++)
    for (let i = 0; i < count; i++) {
      const share = values[pixels[4 * i + c]] / middle;
      pixels[4 * i + c] += level * share * field[c][i];
    }
  return { pixels, table: null };
}

// Three planes of correlated noise of unit variance; equal ones for a gray picture.
function noiseField(width, height, gray, weights) {
  const sample = normal(1),
    count = width * height,
    white = () => Float32Array.from({ length: count }, sample);
  const shared = white(),
    raw = gray ? [shared, shared, shared] : [white(), white(), white()];
  const mixed = raw.map((one) =>
    one.map((x, i) => Math.sqrt(1 - SHARED) * x + Math.sqrt(SHARED) * shared[i]),
  );
  const luma = shared.map((_, i) => weights.reduce((sum, w, c) => sum + w * mixed[c][i], 0));
  const smooth = unit(blurred(luma, width, height, LUMA_BLUR));
  if (gray) return [smooth, smooth, smooth];
  // The shares of variance of luma and chroma stay.
  const spread = deviationOf(luma);
  return mixed.map((one) => {
    const chroma = one.map((x, i) => x - luma[i]),
      coarse = unit(blurred(chroma, width, height, CHROMA_BLUR)),
      share = deviationOf(chroma);
    return unit(coarse.map((x, i) => x * share + smooth[i] * spread));
  });
}

const deviationOf = (plane) => Math.sqrt(plane.reduce((sum, x) => sum + x * x, 0) / plane.length);
const unit = (plane) => {
  const spread = deviationOf(plane);
  return plane.map((x) => x / spread);
};

// Blurred by a Gaussian along rows, then columns; the edge repeats.
function blurred(plane, width, height, blur) {
  const taps = [-3, -2, -1, 0, 1, 2, 3].map((at) => Math.exp((-at * at) / (2 * blur * blur)));
  const inside = (at, side) => Math.min(Math.max(at, 0), side - 1);
  const rows = plane.map((_, i) => {
    const start = i - (i % width);
    return taps.reduce(
      (sum, w, t) => sum + w * plane[start + inside((i % width) + t - 3, width)],
      0,
    );
  });
  return rows.map((_, i) => {
    const column = i % width,
      row = (i - column) / width;
    return taps.reduce(
      (sum, w, t) => sum + w * rows[inside(row + t - 3, height) * width + column],
      0,
    );
  });
}

// The deviation of the noise at a value, up to a factor: slope of the sRGB curve, shot and read
// noise, and what denoising in the camera leaves.
function deviation(value) {
  const light = value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4,
    slope = light <= 0.0031308 ? 12.92 : (1.055 / 2.4) * light ** (1 / 2.4 - 1);
  const left = FAR + (1 - FAR) * Math.exp(-0.5 * ((value - PEAK) / WIDTH) ** 2);
  return slope * Math.sqrt(light + EQUAL_AT) * left;
}

// Reads the headers of PNG and JPEG files.
"use strict";

// Returns the size in the header, whether the picture is gray, whether its end is missing and, for a
// JPEG, the quantisation table of luma. Null for other formats.
export function header(data) {
  try {
    if (data.getUint32(0) === 0x89504e47) return pngHeader(data);
    if (data.getUint16(0) === 0xffd8) return jpegHeader(data);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error; // the file ends within its header
  }
  return null;
}

function pngHeader(data) {
  const kind = data.getUint8(25);
  let at = 8;
  while (at + 12 <= data.byteLength && data.getUint32(at + 4) !== 0x49454e44) {
    at += 12 + data.getUint32(at);
  }
  return {
    width: data.getUint32(16),
    height: data.getUint32(20),
    gray: kind === 0 || kind === 4,
    damaged: at + 12 > data.byteLength,
  };
}

// Markers in the range of frame markers that are not frames.
const NO_FRAME = [0xc4, 0xc8, 0xcc];

function jpegHeader(data) {
  const tables = {};
  let at = 2;
  while (data.getUint8(at) === 0xff) {
    const marker = data.getUint8(at + 1);
    if (marker === 0xff) {
      at += 1; // fill byte
      continue;
    }
    const end = at + 2 + data.getUint16(at + 2);
    if (marker === 0xdb) readTables(data, at + 4, end, tables);
    if (marker >= 0xc0 && marker <= 0xcf && !NO_FRAME.includes(marker)) {
      return frame(data, at, end, tables);
    }
    at = end;
  }
  return null;
}

function frame(data, at, end, tables) {
  return {
    width: data.getUint16(at + 7),
    height: data.getUint16(at + 5),
    gray: data.getUint8(at + 9) === 1,
    table: tables[data.getUint8(at + 12)] || null,
    damaged: !ends(data, end),
  };
}

function readTables(data, at, end, tables) {
  while (at < end) {
    const kind = data.getUint8(at),
      wide = kind >> 4;
    tables[kind & 15] = Array.from({ length: 64 }, (_, i) =>
      wide ? data.getUint16(at + 1 + 2 * i) : data.getUint8(at + 1 + i),
    );
    at += 1 + 64 * (wide ? 2 : 1);
  }
}

// Whether the end marker of a JPEG exists; data after it is ignored.
function ends(data, first) {
  for (let at = data.byteLength - 2; at >= first; at--) {
    if (data.getUint16(at) === 0xffd9) return true;
  }
  return false;
}

// The quality whose table of libjpeg is nearest by the ratios of its steps. `tables` has the tables of
// qualities 1 to 100, in the order of a file.
export function qualityOf(table, tables) {
  const distance = (other) =>
    other.reduce((sum, step, i) => sum + Math.abs(Math.log(step / Math.max(1, table[i]))), 0);
  const distances = tables.map(distance);
  return distances.indexOf(Math.min(...distances)) + 1;
}

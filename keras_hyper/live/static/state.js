// What the page shows: elements, tasks, and the picture that is open.

export const $ = (id) => document.getElementById(id);
export const level = $("level"),
  canvas = $("canvas");

// What an answer can be too late for. `opening` numbers the openings, `generation` the pairs of a
// picture and a task: an answer counts only while its number is the newest.
export const state = {
  tasks: [],
  neutral: 0, // gray of a painting that keeps the level
  opening: 0,
  generation: 0,
  pending: null, // the opening that runs: {sample}
  picture: null,
  painting: null,
  ready: false, // whether the level of this picture is known
  asked: 0, // numbers of views
  shown: 0,
  latest: null, // key of what is shown
};

export const task = () => state.tasks.find((one) => one.name === $("task").value);
export const factor = () => (task().enlarges ? Number(level.value) : 1);

// A level of this task: 0 where the restoration is weakest, 1 where it is strongest.
export function levelAt(share) {
  const { range, rising, slider } = task(),
    [low, high] = range;
  const at = low + (high - low) * (rising ? share : 1 - share);
  return Number((Math.round(at / slider[2]) * slider[2]).toFixed(3));
}

// Remembers what is open, for a reload or a return to the page: the server keeps the newest pictures.
export function remember() {
  const { picture } = state;
  const plain = JSON.parse(JSON.stringify({ picture, task: task().name, level: level.value }));
  history.replaceState(picture ? plain : null, "");
}

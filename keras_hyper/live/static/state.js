// What the page shows: elements, tasks, and the picture that is open.

export const $ = (id) => document.getElementById(id);
export const canvas = $("canvas");

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
export const inputs = () => [...$("sliders").querySelectorAll("input")];

// A level is a number, or of a task with several levels an array.
export const joined = (numbers) => (numbers.length === 1 ? numbers[0] : numbers);
export const chosen = () => joined(inputs().map((input) => Number(input.value)));
export const factor = () => (task().enlarges ? chosen() : 1);

// The levels in words, with a function that writes one number.
export const words = (level, write = String) =>
  task()
    .sliders.map(({ name }, axis) => `${name} ${write([level].flat()[axis])}`.trim())
    .join(", ");

// A level of this task. `share`: of a slider; 0 where the restoration is weakest, 1 where it is
// strongest. `least`: the smallest step.
export const levelAt = (share, least = 0) =>
  joined(
    task().sliders.map((slider) => {
      const [low, high] = slider.range,
        step = Math.max(least, slider.step),
        at = slider.rising ? share(slider) : 1 - share(slider);
      return Number((Math.round((low + (high - low) * at) / step) * step).toFixed(3));
    }),
  );

// Remembers what is open, for a reload or a return to the page: the server keeps the newest pictures.
export function remember() {
  const { picture } = state;
  const plain = JSON.parse(JSON.stringify({ picture, task: task().name, level: chosen() }));
  history.replaceState(picture ? plain : null, "");
}

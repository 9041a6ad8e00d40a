// Messages over the picture, and a mark while something takes longer.

const MARK = 200; // milliseconds of waiting until the mark is shown
const STAYS = 6000; // milliseconds that a message is shown; an error stays

const status = document.getElementById("status"),
  mark = document.getElementById("waiting"),
  stage = document.getElementById("stage");
let clearing = null,
  jobs = 0;

export function showStatus(text, wrong = false) {
  clearTimeout(clearing);
  status.textContent = text;
  status.classList.toggle("wrong", wrong);
  if (text && !wrong) clearing = setTimeout(() => (status.textContent = ""), STAYS);
}

// Returns what the job returns, and shows the mark meanwhile.
export async function waiting(job) {
  jobs += 1;
  const timer = setTimeout(() => show(true), MARK);
  try {
    return await job;
  } finally {
    clearTimeout(timer);
    jobs -= 1;
    if (!jobs) show(false);
  }
}

function show(visible) {
  mark.hidden = !visible;
  stage.setAttribute("aria-busy", visible);
}

// Messages over the picture, and a mark while something takes longer.

const MARK = 200; // milliseconds of waiting until the mark is shown
const STAYS = 6000; // milliseconds that a message is shown; an error stays

const status = document.getElementById("status"),
  mark = document.getElementById("waiting"),
  bar = document.getElementById("tiles"),
  stage = document.getElementById("stage");
let clearing = null,
  jobs = 0,
  untilView = false, // whether the next view clears the message
  covered = ""; // the error that such a message covers

export function showStatus(text, wrong = false, temporary = false) {
  clearTimeout(clearing);
  if (!temporary) covered = "";
  else if (!untilView) covered = status.classList.contains("wrong") ? status.textContent : "";
  untilView = temporary;
  status.textContent = text;
  status.classList.toggle("wrong", wrong);
  if (text && !wrong) clearing = setTimeout(() => (status.textContent = ""), STAYS);
}

// Clears a message that only says that there is no view; the error before it is shown again.
export function viewed() {
  if (untilView) showStatus(covered, covered !== "");
}

// Returns a function that shows its errors.
export const attempt =
  (job) =>
  async (...given) => {
    try {
      return await job(...given);
    } catch (error) {
      if (error.name !== "AbortError") showStatus(error.message, true, error.offline);
      return undefined;
    }
  };

// Shows how much is done; nothing for less than two parts and at the end.
export function showProgress(done, count) {
  bar.hidden = count < 2 || done >= count;
  Object.assign(bar, { max: count || 1, value: done });
}

// Shows how many bytes of the networks are loaded.
export function showLoading(loaded, total) {
  const words = "Loading the network: ",
    [some, all] = [loaded, total].map((bytes) => Math.round(bytes / 1e6));
  showProgress(loaded, total);
  if (loaded < total) showStatus(`${words}${some} of ${all} MB`);
  else if (status.textContent.startsWith(words)) showStatus("");
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

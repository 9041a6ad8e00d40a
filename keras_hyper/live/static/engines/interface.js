/**
 * The interface of both engines. `server.js` restores on the server that sent the page,
 * `browser.js` in a worker of the browser. The page imports the one that is served as `engine.js`.
 *
 * @typedef {{id: string, name: string, width: number, height: number}} Picture
 *
 * @typedef {object} Request
 * @property {Picture} picture
 * @property {string} task
 * @property {number|number[]} level in the task's unit; an array of a task with several levels
 * @property {number[]} box left, top, width and height in pixels of the picture
 * @property {number} scale size of the view relative to the picture
 * @property {boolean} final whether the result must be exact
 * @property {?Painting} painting regions of stronger and weaker restoration
 *
 * @typedef {object} View
 * @property {ImageBitmap} bitmap
 * @property {boolean} exact whether it equals the saved picture
 * @property {?{before: number, after: number}} psnr in dB, where the clean picture is known
 *
 * @callback OnTile
 * @param {number} done
 * @param {number} count
 *
 * @typedef {object} Engine
 * @property {() => void} onoffline called when the server stops responding
 * @property {() => void} ononline called when it responds again
 * @property {(loaded: number, total: number) => void} onload called while networks are loaded, with
 *   numbers of bytes
 * @property {boolean} keepsWhole whether views are cut from a picture that `whole` restored
 * @property {number} rest milliseconds without a move before the exact view is restored
 * @property {() => Promise<{tasks: object[], samples: Record<string, string>, neutral: number}>} about `samples`: addresses of
 *   small pictures by name
 * @property {(file: File) => Promise<Picture>} open
 * @property {(name: string) => Promise<Picture>} sample
 * @property {(picture: Picture, box: number[], scale: number) => Promise<ImageBitmap>} before
 * @property {(request: Request, onTile: OnTile) => Promise<View>} view rejects with an AbortError
 *   if a newer view replaces it
 * @property {(request: Request, onTile: OnTile) => Promise<void>} whole
 * @property {(request: Request, onTile: OnTile) => Promise<{blob: Blob, name: string}>} save
 * @property {(picture: Picture, task: string) => Promise<number|number[]>} estimate
 * @property {(picture: Picture, task: string, level: number|number[]) => Promise<Picture>} degrade
 * @property {(picture: Picture, task: object, level: number|number[]) => ?string} command the same as a
 *   shell command
 * @property {(picture: Picture, task: object, level: number|number[]) => ?string} python the same in Python
 */
export {};

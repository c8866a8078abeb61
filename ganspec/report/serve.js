"use strict";
const at = id => document.getElementById(id);
const main = at("page"), facts = main.dataset;
const names = [...document.querySelectorAll(".ticks span")].map(span => span.textContent);
const words = image => image.labels.map(label => names[label]).join(", ");
const keyOf = image => `${image.latent} ${image.labels}`;
let favourites = new Map(), ends = {start: null, end: null}, saved = 0;

// -- requests ----------------------------------------------------------------------------------

async function post(path, wish) {
  let answer;
  try {
    answer = await fetch(path, {
      method: "POST", headers: {"Content-Type": "application/json"}, body: JSON.stringify(wish),
    });
  } catch {
    throw new Error("ganspec serve does not answer: is it still running?");
  }
  if (!answer.ok) throw new Error((await answer.text()).trim());
  return answer;
}

function say(status, text, refused = false) {
  status.textContent = text;
  status.classList.toggle("refused", refused);
}

let drawing = 0; // several draws may run at once, of which the last one ends the waiting

function wait(change) {
  drawing += change;
  if (drawing) main.setAttribute("aria-busy", "true");
  else main.removeAttribute("aria-busy");
}

// Run `draw` once at a time. Of the calls while it runs, only the last one follows.
function latest(status, draw) {
  let running = false, again = false;
  return async () => {
    again = true;
    if (running) return;
    running = true;
    wait(1);
    while (again) {
      again = false;
      try {
        say(status, await draw());
      } catch (error) {
        say(status, error.message, true);
      }
    }
    wait(-1);
    running = false;
  };
}

// -- images ------------------------------------------------------------------------------------

function element(tag, properties = {}, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}

function nameOf(image, index) {
  const name = words(image);
  return `image ${index + 1}${name && `: ${name}`}`;
}

function captioned(shown, image) {
  const name = words(image);
  return element("figure", {title: name}, shown, ...name ? [element("figcaption", {}, name)] : []);
}

function tile(image, index) {
  const picture = element("img", {src: image.png, alt: nameOf(image, index)});
  const button = element("button", {type: "button", className: "picture"}, picture);
  button.dataset.key = keyOf(image);
  button.onclick = () => keep(image);
  button.setAttribute("aria-pressed", favourites.has(keyOf(image)));
  return captioned(button, image);
}

// One tab stop for a group of images; arrow keys move inside it.
function fill(group, tiles) {
  group.replaceChildren(...tiles);
  const buttons = [...group.querySelectorAll(".picture")];
  buttons.forEach((button, index) => { button.tabIndex = index ? -1 : 0; });
  group.onkeydown = event => {
    const here = buttons.indexOf(event.target);
    if (here < 0) return;
    const top = buttons[0].getBoundingClientRect().top;
    const across = buttons.filter(each => each.getBoundingClientRect().top === top).length;
    const steps = {ArrowLeft: -1, ArrowRight: 1, ArrowUp: -across, ArrowDown: across,
      Home: -here, End: buttons.length - 1 - here};
    const there = buttons[here + steps[event.key]];
    if (!(event.key in steps)) return;
    event.preventDefault();
    if (!there) return;
    buttons[here].tabIndex = -1;
    there.tabIndex = 0;
    there.focus();
  };
}

// -- samples -----------------------------------------------------------------------------------

const form = at("wish"), slider = at("truncation");

function latents() {
  const bound = slider && slider.value !== slider.max ? Number(slider.value) : null;
  return {seed: form.seed.valueAsNumber, truncation: bound};
}

const drawSamples = latest(at("status"), async () => {
  if (!form.checkValidity()) throw new Error(mistake(form));
  const begun = performance.now(), wish = {...latents(), count: form.count.valueAsNumber};
  const ticked = [...form.querySelectorAll("[name=label]:checked")];
  wish.labels = ticked.map(box => Number(box.value));
  const drawn = await (await post("images", wish)).json();
  fill(at("samples"), drawn.images.map(tile));
  at("samples").style.maxWidth = `calc(${drawn.columns} * (var(--tile) + .5rem))`;
  at("command").textContent = drawn.command;
  const seconds = ((performance.now() - begun) / 1000).toFixed(1);
  const images = `${drawn.images.length} image${drawn.images.length > 1 ? "s" : ""}`;
  return `${images} of seed ${wish.seed}, in ${seconds} s`;
});

function mistake(form) {
  const field = [...form.elements].find(each => each.willValidate && !each.validity.valid);
  return `${form.querySelector(`[for=${field.id}]`).textContent}: ${field.validationMessage}`;
}

form.oninput = () => {
  if (slider) {
    const text = slider.value === slider.max ? "none" : `\u00b1${Number(slider.value).toFixed(2)}`;
    form.querySelector("output").textContent = text;
    slider.setAttribute("aria-valuetext", text);
  }
  drawSamples();
};
form.onsubmit = event => {
  event.preventDefault();
  form.seed.value = (form.seed.valueAsNumber + 1) % 2 ** 32;
  drawSamples();
};
if (at("untick")) {
  at("untick").onclick = () => {
    for (const box of form.querySelectorAll("[name=label]")) box.checked = false;
    drawSamples();
  };
}

// -- favourites --------------------------------------------------------------------------------

function keep(image) {
  const key = keyOf(image);
  if (favourites.has(key)) favourites.delete(key);
  else if (favourites.size < facts.mostFavourites) favourites.set(key, image);
  else say(at("status"), `no more than ${facts.mostFavourites} images can be kept: remove one first`, true);
  showFavourites();
}

function showFavourites() {
  try {
    const kept = JSON.stringify([...favourites.values()]);
    sessionStorage.setItem(facts.key, kept); // a reloaded page has them again
  } catch { /* no room: they live until the page is left */ }
  for (const button of document.querySelectorAll(".picture")) {
    button.setAttribute("aria-pressed", favourites.has(button.dataset.key));
  }
  const keys = [...favourites.keys()];
  for (const end of ["start", "end"]) if (!favourites.has(ends[end])) ends[end] = null;
  ends.start ??= keys.find(key => key !== ends.end) ?? null;
  ends.end ??= keys.find(key => key !== ends.start) ?? null;
  at("favourites").replaceChildren(...[...favourites.values()].map(favourite));
  const few = ["Nothing is kept yet.", "Keep a second image to see the way between the two."];
  at("hint").textContent = few[favourites.size] ?? "";
  at("saving").hidden = !favourites.size;
  at("between").hidden = favourites.size < 2;
  if (favourites.size > 1) drawPath();
}

function favourite(image, index) {
  const key = keyOf(image), name = nameOf(image, index);
  const figure = captioned(element("img", {src: image.png, alt: name}), image);
  for (const [end, text] of [["start", "from here"], ["end", "to here"]]) {
    const radio = element("input", {type: "radio", name: end, checked: ends[end] === key});
    radio.onchange = () => { ends[end] = key; drawPath(); };
    figure.append(element("label", {}, radio, text));
  }
  const remove = element("button", {type: "button", className: "remove"}, "Remove");
  remove.setAttribute("aria-label", `Remove ${name}`);
  remove.onclick = () => {
    keep(image);
    const others = document.querySelectorAll(".remove");
    (others[Math.min(index, others.length - 1)] ?? at("hint")).focus();
  };
  figure.append(remove);
  return figure;
}

const bare = ({latent, labels}) => ({latent, labels});

// Browsers do not replace an older file; a number tells those of this page apart.
function download(blob, suffix) {
  const url = URL.createObjectURL(blob), number = ++saved > 1 ? `_${saved}` : "";
  element("a", {href: url, download: `${facts.name}_favourites${number}${suffix}`}).click();
  setTimeout(() => URL.revokeObjectURL(url), 60000);
}

at("save-latents").onclick = latest(at("status"), async () => {
  const answer = await post("favourites", {favourites: [...favourites.values()].map(bare)});
  download(await answer.blob(), ".npz");
  return `latents of ${favourites.size} images saved among your downloads`;
});

at("save-picture").onclick = latest(at("status"), async () => {
  const pictures = [...document.querySelectorAll("#favourites img")];
  await Promise.all(pictures.map(picture => picture.decode()));
  const {naturalWidth: width, naturalHeight: height} = pictures[0];
  const columns = Math.ceil(Math.sqrt(pictures.length));
  const canvas = element("canvas", {
    width: columns * (width + 2) + 2, height: Math.ceil(pictures.length / columns) * (height + 2) + 2,
  });
  const context = canvas.getContext("2d");
  context.fillStyle = "#fff";
  context.fillRect(0, 0, canvas.width, canvas.height);
  pictures.forEach((picture, index) => {
    const row = Math.floor(index / columns), column = index % columns;
    context.drawImage(picture, 2 + column * (width + 2), 2 + row * (height + 2));
  });
  const blob = await new Promise(done => canvas.toBlob(done, "image/png"));
  download(blob, ".png");
  return `a picture of ${pictures.length} images saved among your downloads`;
});

at("clear").onclick = () => { favourites.clear(); showFavourites(); };

// -- the way between two -----------------------------------------------------------------------

const pathForm = at("path");

const drawPath = latest(at("path-status"), async () => {
  if (!pathForm.checkValidity()) throw new Error(mistake(pathForm));
  const start = favourites.get(ends.start), end = favourites.get(ends.end);
  if (!start || !end) return "";
  const wish = {...latents(), start: bare(start), end: bare(end), way: pathForm.way.value};
  wish.frames = pathForm.frames.valueAsNumber;
  const drawn = await (await post("path", wish)).json();
  at("paths").replaceChildren(...drawn.rows.map(row => {
    const group = element("div", {className: "tiles"});
    fill(group, row.map(tile));
    return group;
  }));
  return drawn.rows.length > 1 ? "one row with the label of each end" : "";
});

pathForm.oninput = drawPath;
pathForm.onsubmit = event => event.preventDefault();

try {
  const kept = JSON.parse(sessionStorage.getItem(facts.key) ?? "[]");
  favourites = new Map(kept.map(image => [keyOf(image), image]));
} catch { /* what the browser kept is of another version */ }
showFavourites();
drawSamples();

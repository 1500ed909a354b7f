// Interpolation between four points: a pad that shows the way, and the image at the handle.

/** Images along a side of the pad. */
const PAD_SIDE = 7;
/** The part of the pad that an arrow key crosses. */
const KEY_STEP = 0.05;
const CORNERS = ["top left", "top right", "bottom left", "bottom right"];

class Corners {
  #generator;
  #corners;
  #pad = document.getElementById("pad");
  #handle = document.getElementById("handle");
  #map;
  #result;
  #position = [0.5, 0.5];

  constructor(generator) {
    const { model, space } = generator;
    this.#generator = generator;
    this.#map = new Mosaic(document.getElementById("map"), generator, PAD_SIDE, PAD_SIDE);
    this.#result = new Mosaic(document.getElementById("between"), generator, 1, 1);
    const noise = space.noise(BigInt(model.seed), CORNERS.length);
    // Classes far apart from each other.
    this.#corners = noise.map((noise, i) => ({
      noise,
      label: Math.floor((i * model.classes) / CORNERS.length),
    }));
    CORNERS.forEach((name, i) => this.#connectCorner(name, this.#corners[i]));
    this.#connectPointer();
    this.#connectKeys();
    this.#changed();
  }

  #connectCorner(name, corner) {
    const { model, space } = this.#generator;
    const controls = document.getElementById("corner").content.cloneNode(true);
    const [title, select, button] = controls.firstElementChild.children;
    title.textContent = name;
    button.setAttribute("aria-label", `New noise, ${name}`);
    button.addEventListener("click", () => {
      [corner.noise] = space.noise(BigInt(randomSeed()), 1);
      this.#changed();
    });
    select.hidden = model.classes === 0;
    select.setAttribute("aria-label", `Class, ${name}`);
    for (let label = 0; label < model.classes; label++)
      select.add(new Option(this.#generator.className(label), label));
    select.value = corner.label;
    select.addEventListener("change", () => {
      corner.label = Number(select.value);
      this.#changed();
    });
    document.getElementById("corner-controls").append(controls);
  }

  #connectPointer() {
    const move = (event) => {
      const box = this.#pad.getBoundingClientRect();
      // The images at the edges are the corners themselves, and their centres are inside the pad.
      const along = (offset, size) =>
        clamp(((offset / size) * PAD_SIDE - 0.5) / (PAD_SIDE - 1), 0, 1);
      this.#move(
        along(event.clientX - box.left, box.width),
        along(event.clientY - box.top, box.height),
      );
    };
    this.#pad.addEventListener("pointerdown", (event) => {
      this.#pad.setPointerCapture(event.pointerId);
      move(event);
    });
    this.#pad.addEventListener("pointermove", (event) => {
      if (this.#pad.hasPointerCapture(event.pointerId)) move(event);
    });
  }

  #connectKeys() {
    this.#pad.addEventListener("keydown", (event) => {
      const step = ARROWS[event.key];
      if (!step) return;
      event.preventDefault();
      this.#move(...this.#position.map((at, axis) => clamp(at + step[axis] * KEY_STEP, 0, 1)));
    });
  }

  /** Redraws everything after a change of a corner. */
  #changed() {
    const along = Array.from({ length: PAD_SIDE }, (_, i) => i / (PAD_SIDE - 1));
    this.#map.show(along.flatMap((y) => along.map((x) => this.#point(x, y))));
    this.#move(...this.#position);
  }

  #move(x, y) {
    this.#position = [x, y];
    const percent = (at) => `${(100 * (at * (PAD_SIDE - 1) + 0.5)) / PAD_SIDE}%`;
    [this.#handle.style.left, this.#handle.style.top] = [percent(x), percent(y)];
    const [right, down] = [x, y].map((at) => Math.round(100 * at));
    this.#pad.setAttribute("aria-valuenow", right);
    this.#pad.setAttribute("aria-valuetext", `${right} % to the right, ${down} % down`);
    this.#result.show([this.#point(x, y)]);
  }

  #point(x, y) {
    const { space } = this.#generator;
    const [a, b, c, d] = this.#corners.map(({ noise, label }) => space.point(noise, label));
    return space.interpolated(space.interpolated(a, b, x), space.interpolated(c, d, x), y);
  }
}

// The sample grid: its class, its seed, the directions' steps, and the selected image.

class Grid {
  #generator;
  #mosaic;
  #noise;
  #label = null;
  #steps;
  #selection = document.getElementById("selection");
  #selected = 0;

  constructor(generator) {
    const { model, space } = generator;
    this.#generator = generator;
    this.#mosaic = new Mosaic(document.getElementById("grid"), generator, ...model.grid);
    this.#steps = space.directions.map(() => 0);
    this.#connectClasses();
    this.#connectSeed();
    this.#connectSelection();
    this.#select(0);
  }

  /** Moves all images along the directions by these steps. */
  move(steps) {
    this.#steps = steps;
    this.#draw();
  }

  /** The point of the selected image. */
  get selected() {
    return this.point(this.#selected);
  }

  /** The point of a cell. */
  point(cell) {
    const { space } = this.#generator;
    return space.moved(space.point(this.#noise[cell], this.#labelOf(cell)), this.#steps);
  }

  get cells() {
    return this.#mosaic.rows * this.#mosaic.columns;
  }

  /** The chosen class, or that of the row. */
  #labelOf(cell) {
    return this.#label ?? Math.floor(cell / this.#mosaic.columns);
  }

  #draw() {
    this.#mosaic.show(Array.from({ length: this.cells }, (_, cell) => this.point(cell)));
  }

  #connectClasses() {
    const { classes } = this.#generator.model;
    if (classes === 0) return;
    const group = document.getElementById("classes");
    group.hidden = false;
    for (const label of [null, ...Array(classes).keys()]) {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = label === null ? "All" : this.#generator.className(label);
      button.setAttribute("aria-pressed", label === null);
      button.addEventListener("click", () => {
        for (const other of group.children) other.setAttribute("aria-pressed", other === button);
        this.#label = label;
        this.#draw();
        this.#select(this.#selected);
      });
      group.append(button);
    }
  }

  #connectSeed() {
    const field = document.getElementById("seed");
    const apply = () => {
      if (!field.reportValidity()) return;
      this.#noise = this.#generator.space.noise(BigInt(field.value), this.cells);
      this.#draw();
    };
    field.value = this.#generator.model.seed;
    field.addEventListener("change", apply);
    document.getElementById("new-noise").addEventListener("click", () => {
      field.value = randomSeed();
      apply();
    });
    apply();
  }

  #connectSelection() {
    const { canvas, rows, columns } = this.#mosaic;
    canvas.addEventListener("pointerdown", (event) => {
      const box = canvas.getBoundingClientRect();
      const column = Math.floor(((event.clientX - box.left) / box.width) * columns);
      const row = Math.floor(((event.clientY - box.top) / box.height) * rows);
      this.#select(clamp(row, 0, rows - 1) * columns + clamp(column, 0, columns - 1));
    });
    canvas.addEventListener("keydown", (event) => {
      const step = ARROWS[event.key];
      if (!step) return;
      event.preventDefault();
      const column = clamp((this.#selected % columns) + step[0], 0, columns - 1);
      const row = clamp(Math.floor(this.#selected / columns) + step[1], 0, rows - 1);
      this.#select(row * columns + column);
    });
  }

  #select(cell) {
    this.#selected = cell;
    const { canvas, columns } = this.#mosaic;
    const [, height, width] = this.#generator.model.image;
    const [row, column] = [Math.floor(cell / columns), cell % columns];
    const place = {
      left: column * (width + GAP),
      top: row * (height + GAP),
      width: width + 2 * GAP,
      height: height + 2 * GAP,
    };
    for (const [side, pixels] of Object.entries(place)) {
      const all = side === "left" || side === "width" ? canvas.width : canvas.height;
      this.#selection.style[side] = `${(100 * pixels) / all}%`;
    }
    const { classes } = this.#generator.model;
    const of = classes > 0 ? `, class ${this.#generator.className(this.#labelOf(cell))}` : "";
    document.getElementById("selected").textContent = `Row ${row + 1}, column ${column + 1}${of}`;
  }
}

/** Steps to the right and down. */
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

const clamp = (number, min, max) => Math.min(max, Math.max(min, number));

const randomSeed = () => Math.floor(Math.random() * 2 ** 32);

// A canvas with generated images in rows and columns, redrawn in parts if a frame is too short.

/** Pixels around and between images, as in the files of `gan-cuda sample`. */
const GAP = 2;
/** Milliseconds of each frame that are spent on images, so that 30 frames a second remain. */
const FRAME_BUDGET = 24;

class Mosaic {
  #generator;
  #context;
  #pixels;
  #gap;
  #points = [];
  #next = 0;
  #pending = 0;
  #scheduled = false;

  constructor(canvas, generator, rows, columns) {
    const [, height, width] = generator.model.image;
    this.canvas = canvas;
    this.rows = rows;
    this.columns = columns;
    this.#generator = generator;
    this.#gap = rows * columns > 1 ? GAP : 0;
    canvas.width = columns * (width + this.#gap) + this.#gap;
    canvas.height = rows * (height + this.#gap) + this.#gap;
    this.#context = canvas.getContext("2d");
    this.#pixels = this.#context.createImageData(canvas.width, canvas.height);
  }

  /** Shows the images of these points, one for each cell, row by row. */
  show(points) {
    this.#points = points;
    this.#pending = points.length;
    this.canvas.setAttribute("aria-busy", "true");
    if (!this.#scheduled) requestAnimationFrame(() => this.#frame());
    this.#scheduled = true;
  }

  /**
   * Draws as many images as fit into a frame. The next frame continues where this one stops, so
   * that every image follows even while the points keep changing.
   */
  #frame() {
    this.#scheduled = false;
    const end = performance.now() + FRAME_BUDGET;
    do this.#drawBatch();
    while (this.#pending > 0 && performance.now() < end);
    this.#context.putImageData(this.#pixels, 0, 0);
    if (this.#pending > 0) {
      this.#scheduled = true;
      requestAnimationFrame(() => this.#frame());
    } else {
      this.canvas.setAttribute("aria-busy", "false");
    }
  }

  #drawBatch() {
    const { network, space } = this.#generator;
    const first = this.#next;
    const batch = this.#points.slice(first, first + Math.min(network.batch, this.#pending));
    const images = network.generate(space.input(batch));
    batch.forEach((_, i) => {
      this.#draw(images.subarray(i * network.outputs, (i + 1) * network.outputs), first + i);
    });
    this.#next = (first + batch.length) % this.#points.length;
    this.#pending -= batch.length;
  }

  /** Draws an image, channels first, into a cell. */
  #draw(image, cell) {
    const [channels, height, width] = this.#generator.model.image;
    const { data, width: stride } = this.#pixels;
    const top = this.#gap + Math.floor(cell / this.columns) * (height + this.#gap);
    const left = this.#gap + (cell % this.columns) * (width + this.#gap);
    const [red, green, blue] = [0, 1, 2].map((channel) => (channel % channels) * height * width);
    for (let i = 0; i < height * width; i++) {
      const at = 4 * ((top + Math.floor(i / width)) * stride + left + (i % width));
      data[at] = toByte(image[red + i]);
      data[at + 1] = toByte(image[green + i]);
      data[at + 2] = toByte(image[blue + i]);
      data[at + 3] = 255;
    }
  }
}

/** From [-1, 1] to 0…255. The array clamps, but would round halves to even numbers. */
const toByte = (value) => Math.floor((value + 1) * 127.5 + 0.5);

// The generator: its operations, run on the memory of a WebAssembly module.

/** Rows and columns of the matrix that the module computes at once. */
const TILE_ROWS = 4;
const TILE_COLUMNS = 8;
/** Multiplications for which a single call takes a few milliseconds. */
const BATCH_MULTIPLICATIONS = 5e7;

const roundUp = (number, multiple) => Math.ceil(number / multiple) * multiple;

class Network {
  #operations;
  #gemm;
  /** The current matrix, and memory for the next one. */
  #x;
  #y;

  /**
   * @param operations the list in the page
   * @param inputs numbers of an input: noise and label embedding
   * @param matrices, vectors readers of the operations' weights
   * @param gemm the bytes of the module
   */
  static async create(operations, inputs, { matrices, vectors, gemm }) {
    const network = new Network();
    network.inputs = inputs;
    const sizes = activationSizes(operations, inputs);
    network.outputs = sizes.outputs;
    network.batch = batchSize(sizes.multiplications);
    const buffer = network.batch * sizes.elements + TILE_ROWS * sizes.columns + TILE_COLUMNS;
    const memory = new FloatMemory([buffer, buffer, ...operations.map(panelLength)]);
    [network.#x, network.#y] = [memory.next(buffer), memory.next(buffer)];
    network.#operations = operations.map((operation) => {
      switch (operation.name) {
        case "matmul":
          return { ...operation, panels: packPanels(operation, matrices, memory) };
        case "affine":
          return {
            ...operation,
            scale: vectors.next(operation.columns),
            shift: vectors.next(operation.columns),
          };
        default:
          return operation;
      }
    });
    const imports = { page: { memory: memory.memory } };
    const { instance } = await WebAssembly.instantiate(gemm, imports);
    network.#gemm = instance.exports.gemm;
    return network;
  }

  /**
   * Generates images, channels first, from -1 to 1. They are valid until the next call.
   * @param input (count, inputs), for at most `batch` images
   */
  generate(input) {
    this.#x.set(input);
    let length = input.length;
    for (const operation of this.#operations) {
      length = OPERATIONS[operation.name](this, operation, length);
    }
    return this.#x.subarray(0, length);
  }

  /** The current matrix, which an operation may change in place. */
  get x() {
    return this.#x;
  }

  /** Memory for the next matrix, which `advance` makes the current one. */
  get y() {
    return this.#y;
  }

  advance() {
    [this.#x, this.#y] = [this.#y, this.#x];
  }

  /** y = x · panels. */
  multiply({ panels, inputs, outputs }, rows) {
    const tiles = Math.ceil(rows / TILE_ROWS);
    const [y, x, w] = [this.#y, this.#x, panels].map((array) => array.byteOffset);
    this.#gemm(y, x, w, tiles, inputs, outputs);
  }
}

/** A WebAssembly memory that is given out in arrays. */
class FloatMemory {
  #position = 0;

  constructor(lengths) {
    const bytes = 4 * lengths.reduce((sum, length) => sum + roundUp(length, 4), 0);
    this.memory = new WebAssembly.Memory({ initial: Math.ceil(bytes / 65536) });
  }

  next(length) {
    const array = new Float32Array(this.memory.buffer, this.#position, length);
    this.#position += 4 * roundUp(length, 4);
    return array;
  }
}

/**
 * For one image: the outputs, the most elements of an activation, the most columns, and the number
 * of multiplications.
 */
function activationSizes(operations, inputs) {
  const sizes = { outputs: inputs, elements: inputs, columns: inputs, multiplications: 0 };
  for (const operation of operations) {
    if (operation.name === "matmul") {
      sizes.multiplications += sizes.outputs * operation.outputs;
      sizes.columns = Math.max(sizes.columns, operation.inputs, operation.outputs);
    }
    sizes.outputs = outputLength(operation, sizes.outputs);
    sizes.elements = Math.max(sizes.elements, sizes.outputs);
  }
  return sizes;
}

function batchSize(multiplications) {
  return Math.min(128, roundUp(BATCH_MULTIPLICATIONS / multiplications, TILE_ROWS));
}

function panelLength({ name, inputs, outputs }) {
  return name === "matmul" ? inputs * roundUp(outputs, TILE_COLUMNS) : 0;
}

/** Reads a matrix into panels of 8 columns, the last one padded with zeros. */
function packPanels({ name, inputs, outputs }, matrices, memory) {
  const matrix = matrices.next(inputs * outputs);
  const panels = memory.next(panelLength({ name, inputs, outputs }));
  for (let row = 0; row < inputs; row++) {
    for (let column = 0; column < outputs; column++) {
      const panel = Math.floor(column / TILE_COLUMNS);
      const at = (panel * inputs + row) * TILE_COLUMNS + (column % TILE_COLUMNS);
      panels[at] = HALVES[matrix[row * outputs + column]];
    }
  }
  return panels;
}

// The operations of a network other than its matrix multiplication. Each takes the length of the
// current matrix and returns that of the next one.

const OPERATIONS = {
  matmul(network, operation, length) {
    const rows = length / operation.inputs;
    network.multiply(operation, rows);
    network.advance();
    return rows * operation.outputs;
  },

  im2col(network, windows, length) {
    const { x, y } = network;
    const { channels } = windows;
    const next = outputLength(windows, length);
    visitTaps(windows, length / imageLength(windows), (pixel, tap) => {
      const [from, to] = [pixel * channels, tap * channels];
      for (let i = 0; i < channels; i++) y[to + i] = pixel < 0 ? 0 : x[from + i];
    });
    network.advance();
    return next;
  },

  col2im(network, windows, length) {
    const { x, y } = network;
    const { channels } = windows;
    const next = outputLength(windows, length);
    y.fill(0, 0, next);
    visitTaps(windows, next / imageLength(windows), (pixel, tap) => {
      if (pixel < 0) return;
      const [from, to] = [tap * channels, pixel * channels];
      for (let i = 0; i < channels; i++) y[to + i] += x[from + i];
    });
    network.advance();
    return next;
  },

  affine({ x }, { columns, scale, shift }, length) {
    for (let row = 0; row < length; row += columns) {
      for (let i = 0; i < columns; i++) x[row + i] = x[row + i] * scale[i] + shift[i];
    }
    return length;
  },

  leakyRelu({ x }, { slope }, length) {
    for (let i = 0; i < length; i++) if (x[i] < 0) x[i] *= slope;
    return length;
  },

  tanh({ x }, _, length) {
    for (let i = 0; i < length; i++) x[i] = Math.tanh(x[i]);
    return length;
  },

  sigmoid({ x }, _, length) {
    for (let i = 0; i < length; i++) x[i] = 1 / (1 + Math.exp(-x[i]));
    return length;
  },

  transpose(network, { rows, columns }, length) {
    const { x, y } = network;
    for (let block = 0; block < length; block += rows * columns) {
      for (let row = 0; row < rows; row++) {
        for (let column = 0; column < columns; column++) {
          y[block + column * rows + row] = x[block + row * columns + column];
        }
      }
    }
    network.advance();
    return length;
  },
};

/** The length of the matrix after an operation on one of this length. */
function outputLength(operation, length) {
  switch (operation.name) {
    case "matmul":
      return (length / operation.inputs) * operation.outputs;
    case "im2col":
      return (length / imageLength(operation)) * windowsLength(operation);
    case "col2im":
      return (length / windowsLength(operation)) * imageLength(operation);
    default:
      return length;
  }
}

const imageLength = ({ image, channels }) => image[0] * image[1] * channels;

const windowsLength = ({ positions, kernel, channels }) =>
  positions[0] * positions[1] * kernel ** 2 * channels;

/**
 * Calls `visit` for each row and column of the kernel at each position on each image, with the index
 * of the pixel there, or -1 in the padding.
 */
function visitTaps(
  { image: [height, width], kernel, stride, padding, positions: [rows, columns] },
  images,
  visit,
) {
  let tap = 0;
  for (let first = 0; first < images * height * width; first += height * width) {
    for (let row = 0; row < rows; row++) {
      for (let column = 0; column < columns; column++) {
        for (let i = 0; i < kernel; i++) {
          for (let j = 0; j < kernel; j++) {
            const [y, x] = [row * stride + i - padding, column * stride + j - padding];
            const inside = y >= 0 && y < height && x >= 0 && x < width;
            visit(inside ? first + y * width + x : -1, tap++);
          }
        }
      }
    }
  }
}

// Points of the latent space: noise, and for a conditional GAN the embedding of a class.

class LatentSpace {
  #model;
  #embeddings;

  constructor(model, vectors) {
    this.#model = model;
    const { classes, latentDim } = model;
    this.#embeddings = Array.from({ length: classes }, () => vectors.next(classes));
    this.directions = Array.from({ length: model.directions }, () => vectors.next(latentDim));
    /** The standard deviation of a noise value: the length of a step along a direction. */
    this.deviation = model.latent === "normal" ? 1 : Math.sqrt(1 / 3);
  }

  /** Numbers of an input of the network. */
  get inputs() {
    return this.#model.latentDim + this.#model.classes;
  }

  /** The noise of `count` samples; a row depends on the seed and its index only. */
  noise(seed, count) {
    const { latent, latentDim } = this.#model;
    const noise = sampleNoise(latent, seed, count * latentDim);
    return Array.from({ length: count }, (_, i) =>
      noise.subarray(i * latentDim, (i + 1) * latentDim),
    );
  }

  /** A point with this noise, of this class if the GAN is conditional. */
  point(noise, label) {
    const { classes } = this.#model;
    if (classes === 0) return { noise, embedding: new Float32Array(0) };
    const embedding = this.#embeddings[label];
    if (!embedding) throw new RangeError(`no class ${label}: choose from 0 to ${classes - 1}`);
    return { noise, embedding };
  }

  /** A point moved along the directions by these numbers of standard deviations. */
  moved({ noise, embedding }, steps) {
    const moved = noise.slice();
    this.directions.forEach((direction, d) => {
      const step = steps[d] * this.deviation;
      if (step !== 0) for (let i = 0; i < moved.length; i++) moved[i] += step * direction[i];
    });
    return { noise: moved, embedding };
  }

  /**
   * The point between two points at t from 0 to 1. Normal noise of many dimensions lies close to a
   * sphere, so it is interpolated along the sphere; a straight line would leave it.
   */
  interpolated(a, b, t) {
    const angle = this.#model.latent === "normal" ? angleBetween(a.noise, b.noise) : 0;
    // Near 0 and π a straight line is as good.
    const [weightA, weightB] =
      Math.sin(angle) > 1e-6
        ? [Math.sin((1 - t) * angle) / Math.sin(angle), Math.sin(t * angle) / Math.sin(angle)]
        : [1 - t, t];
    return {
      noise: combined([weightA, weightB], [a.noise, b.noise]),
      embedding: combined([1 - t, t], [a.embedding, b.embedding]),
    };
  }

  /**
   * a − b + c. Noise of a normal distribution is scaled to the length of a: the sum is longer than
   * any noise that the generator was trained on.
   */
  sum(a, b, c) {
    const noise = combined([1, -1, 1], [a.noise, b.noise, c.noise]);
    const factor = this.#model.latent === "normal" ? norm(a.noise) / norm(noise) : 1;
    return {
      noise: noise.map((number) => number * factor),
      embedding: combined([1, -1, 1], [a.embedding, b.embedding, c.embedding]),
    };
  }

  /** Points as an input of the network. */
  input(points) {
    const input = new Float32Array(points.length * this.inputs);
    points.forEach(({ noise, embedding }, i) => {
      const [first, second] = this.#model.labelFirst ? [embedding, noise] : [noise, embedding];
      input.set(first, i * this.inputs);
      input.set(second, i * this.inputs + first.length);
    });
    return input;
  }
}

/** The sum of vectors with weights. */
function combined(weights, vectors) {
  return vectors[0].map((_, i) =>
    vectors.reduce((sum, vector, k) => sum + weights[k] * vector[i], 0),
  );
}

const dot = (a, b) => a.reduce((sum, number, i) => sum + number * b[i], 0);

const norm = (vector) => Math.sqrt(dot(vector, vector));

function angleBetween(a, b) {
  const cosine = dot(a, b) / (norm(a) * norm(b));
  // Zero vectors have no angle.
  return Number.isNaN(cosine) ? 0 : Math.acos(Math.min(1, Math.max(-1, cosine)));
}

// Random noise: Philox 4x32-10, as in gan-cuda, so that a seed gives the noise of
// `gan-cuda sample --seed`.

const PHILOX_MULTIPLIERS = [0xd2511f53, 0xcd9e8d57];
const PHILOX_WEYL = [0x9e3779b9, 0xbb67ae85];
/** The use of random numbers that samples have for themselves. */
const SAMPLES_SITE = 5;

/** The upper 32 bits of the product of two unsigned integers. */
function multiplyHigh(a, b) {
  const [aLow, aHigh, bLow, bHigh] = [a & 0xffff, a >>> 16, b & 0xffff, b >>> 16];
  const middle = aHigh * bLow + ((aLow * bLow) >>> 16);
  const carry = (aLow * bHigh + (middle & 0xffff)) >>> 16;
  return (aHigh * bHigh + (middle >>> 16) + carry) >>> 0;
}

/** Four random words for a counter of four words and a key of two. */
function philox([c0, c1, c2, c3], [k0, k1]) {
  for (let round = 0; round < 10; round++) {
    const [a, b] = [
      multiplyHigh(PHILOX_MULTIPLIERS[0], c0),
      multiplyHigh(PHILOX_MULTIPLIERS[1], c2),
    ];
    const [aLow, bLow] = [
      Math.imul(PHILOX_MULTIPLIERS[0], c0),
      Math.imul(PHILOX_MULTIPLIERS[1], c2),
    ];
    [c0, c1, c2, c3] = [(b ^ c1 ^ k0) >>> 0, bLow >>> 0, (a ^ c3 ^ k1) >>> 0, aLow >>> 0];
    [k0, k1] = [(k0 + PHILOX_WEYL[0]) >>> 0, (k1 + PHILOX_WEYL[1]) >>> 0];
  }
  return [c0, c1, c2, c3];
}

/** A number in [0, 1) with 24 random bits. */
const unit = (word) => (word >>> 8) / 2 ** 24;

/** Two normal numbers from two words, by the Box–Muller transform. */
function normalPair(a, b) {
  // In (0, 1], so that the logarithm is finite.
  const radius = Math.sqrt(-2 * Math.log(unit(a) + 2 ** -24));
  const angle = Math.fround(2 * Math.PI * unit(b));
  return [radius * Math.cos(angle), radius * Math.sin(angle)];
}

const DISTRIBUTIONS = {
  normal: ([a, b, c, d]) => [...normalPair(a, b), ...normalPair(c, d)],
  uniform: (words) => words.map((word) => 2 * unit(word) - 1),
};

/** `length` numbers of a distribution, for a seed that is a BigInt. */
function sampleNoise(distribution, seed, length) {
  const key = [Number(seed & 0xffffffffn), Number(seed >> 32n)];
  const noise = new Float32Array(length);
  for (let block = 0; 4 * block < length; block++) {
    const numbers = DISTRIBUTIONS[distribution](philox([block, SAMPLES_SITE, 0, 0], key));
    noise.set(numbers.slice(0, length - 4 * block), 4 * block);
  }
  return noise;
}

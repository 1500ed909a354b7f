//! Counter-based random numbers, the same on every device.
//!
//! Philox 4x32-10 ([Salmon et al. 2011](https://doi.org/10.1145/2063384.2063405)) is a function, not
//! a sequence: it maps a counter and a key to 128 bits. Key = seed, counter = (element / 4, site,
//! iteration), so a number depends on its use and not on the numbers generated before it. So a resumed
//! run has the same bits, threads can divide the work, and a GPU agrees with the CPU.
//!
//! Weights are initialized once, on the host, by a different generator ([`host`]).

use rand::SeedableRng;
use rand_chacha::ChaCha12Rng;

/// A stream of random numbers: a use (`site`) in a run (`seed`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stream {
    /// The run's seed.
    pub seed: u64,
    /// A constant of [`site`].
    pub site: u32,
}

/// The uses of random numbers; each has its own stream.
pub mod site {
    /// Noise for the discriminator update; the next site is for the generator update.
    pub const NOISE: u32 = 0;
    /// Labels of generated images in the discriminator update; the next site is for the generator
    /// update.
    pub const LABELS: u32 = 2;
    /// The order of images, with the epoch instead of the iteration.
    pub const ORDER: u32 = 4;
    /// The fixed noise of sample grids.
    pub const SAMPLES: u32 = 5;
    /// The order of a classifier's training images, with the epoch instead of the iteration.
    pub const CLASSIFIER_ORDER: u32 = 6;
    /// The random shifts of these images; element = image, with the epoch instead of the iteration.
    pub const CLASSIFIER_SHIFTS: u32 = 7;
    /// The choice of a data set's held-out images.
    pub const HELD_OUT: u32 = 8;
    /// The initial centres of bins.
    pub const BINS: u32 = 10;
    /// The digits of stacked images; element = image, with the set instead of the iteration.
    pub const STACKED: u32 = 11;
    /// Images of noise, the baseline of scores.
    pub const NOISE_IMAGES: u32 = 9;
    /// The points between real and generated images at which gradients are penalized.
    pub const INTERPOLATION: u32 = 12;
    /// The random numbers of augmentations.
    pub const AUGMENTATION: u32 = 13;
    /// Dropout in the discriminator: this + 2 · stage in the discriminator update, plus 1 in the
    /// generator update.
    pub const DROPOUT: u32 = 16;
    /// The same for the generator.
    pub const GENERATOR_DROPOUT: u32 = 1 << 20;
}

const MULTIPLIERS: [u32; 2] = [0xD251_1F53, 0xCD9E_8D57];
const WEYL: [u32; 2] = [0x9E37_79B9, 0xBB67_AE85];
const ROUNDS: u32 = 10;

/// Philox 4x32-10: four random words for a counter and a key.
#[inline(always)]
pub fn philox(mut counter: [u32; 4], mut key: [u32; 2]) -> [u32; 4] {
    for _ in 0..ROUNDS {
        let a = u64::from(MULTIPLIERS[0]) * u64::from(counter[0]);
        let b = u64::from(MULTIPLIERS[1]) * u64::from(counter[2]);
        counter = [
            (b >> 32) as u32 ^ counter[1] ^ key[0],
            b as u32,
            (a >> 32) as u32 ^ counter[3] ^ key[1],
            a as u32,
        ];
        key = [key[0].wrapping_add(WEYL[0]), key[1].wrapping_add(WEYL[1])];
    }
    counter
}

impl Stream {
    /// The words of elements 4·block … 4·block + 3 at an iteration.
    #[inline(always)]
    pub fn block(self, block: u32, iteration: u32) -> [u32; 4] {
        philox([block, self.site, iteration, 0], [self.seed as u32, (self.seed >> 32) as u32])
    }

    /// A permutation of 0..count, by the Fisher–Yates shuffle.
    pub fn permutation(self, count: usize, iteration: u32) -> Vec<u32> {
        let mut order: Vec<u32> = (0..count as u32).collect();
        for i in (1..count).rev() {
            let words = self.block(i as u32 / 4, iteration);
            order.swap(i, below(words[i % 4], i + 1));
        }
        order
    }
}

/// Converts a word to a number in [0, 1) with 24 random bits.
#[inline(always)]
pub fn unit(word: u32) -> f32 {
    (word >> 8) as f32 * (1.0 / 16_777_216.0)
}

/// Converts a word to an integer in 0..limit.
#[inline(always)]
pub fn below(word: u32, limit: usize) -> usize {
    ((u64::from(word) * limit as u64) >> 32) as usize
}

/// The smallest word for which dropout with probability p keeps an element; words are above it with
/// probability 1 − p.
pub fn keep_threshold(p: f64) -> u32 {
    (p * 4_294_967_296.0) as u32
}

/// A generator for use on the host, the same on every platform; `stream` distinguishes uses.
pub fn host(seed: u64, stream: u64) -> ChaCha12Rng {
    let mut rng = ChaCha12Rng::seed_from_u64(seed);
    rng.set_stream(stream);
    rng
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Known answers from the authors' library Random123 (kat_vectors).
    #[test]
    fn philox_gives_the_known_answers() {
        assert_eq!(philox([0; 4], [0; 2]), [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8]);
        assert_eq!(
            philox([u32::MAX; 4], [u32::MAX; 2]),
            [0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd]
        );
        assert_eq!(
            philox(
                [0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344],
                [0xa409_3822, 0x299f_31d0]
            ),
            [0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1]
        );
    }

    #[test]
    fn permutation_contains_every_number_once() {
        let stream = Stream { seed: 7, site: site::ORDER };
        let order = stream.permutation(1001, 3);
        let mut sorted = order.clone();
        sorted.sort_unstable();
        assert_eq!(sorted, (0..1001).collect::<Vec<u32>>());
        assert_ne!(order, stream.permutation(1001, 4));
    }
}

use crate::clusters::Sample;
use crate::scores::scores;

#[test]
fn scores_are_bitwise_the_same_for_any_number_of_threads() {
    // Several blocks of rows and of columns, the last of them incomplete.
    let (sample, reference) = (Sample::new(1111, 1), Sample::new(2345, 2));
    let one = scores(&sample, &reference, 1);
    for threads in [2, 3] {
        assert_eq!(scores(&sample, &reference, threads), one, "{threads} threads");
    }
}

//! The panel of scores: FCD, or KID if there is no FCD, with a mark at the best.

use plotters::coord::ranged1d::Ranged;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::axis::Axis;
use super::curve::curve;
use super::{Canvas, Drawn, INK, LEGEND, WIDTH, draw_axes, draw_line, px, text};
use crate::formats::stats::{Measure, ScoreEntry, best};
use crate::text::{grouped, significant};

pub const COLOR: RGBColor = RGBColor(0, 114, 178);
/// The axis is logarithmic if the ratio of the largest to the smallest score exceeds this.
const LOGARITHMIC_RATIO: f64 = 10.0;
/// Scores are clamped to this absolute value.
const MAX_SCORE: f64 = 1e30;

pub fn draw(area: &Canvas<'_>, entries: &[ScoreEntry], last: f64) -> Drawn<()> {
    let measure = Measure::displayed(entries);
    let score = |entry: &ScoreEntry| Some(entry.scores.by(measure)?.clamp(-MAX_SCORE, MAX_SCORE));
    let points = entries.iter().filter_map(|entry| Some((entry.iteration, score(entry)?)));
    let axis = axis(points.clone().map(|point| point.1));
    let heights = points.map(|(iteration, score)| (iteration, axis.height(score) as f32));
    let (curve, shown) = (curve(heights), axis.range());
    let lowest = best(entries, measure).and_then(|entry| Some((entry.iteration, score(entry)?)));
    let mark = lowest.map(|(iteration, score)| (iteration as f64, axis.height(score)));
    let mut chart = draw_axes(area, last, axis, measure.name())?;
    draw_line(&mut chart, &curve, &shown, COLOR)?;
    let circle = |at| Circle::new(at, px(6), COLOR.stroke_width(px(2) as u32));
    chart.draw_series(mark.into_iter().map(circle))?;
    draw_text(area, HPos::Left, 76, &format!("{} of samples: lower is better", measure.name()))?;
    if let Some((iteration, score)) = lowest {
        let note = format!("best: {} at iteration {}", significant(score), grouped(iteration));
        draw_text(area, HPos::Right, WIDTH - 26, &note)?;
    }
    Ok(())
}

pub fn axis(scores: impl Iterator<Item = f64> + Clone) -> Axis {
    let least = scores.clone().reduce(f64::min).unwrap_or(0.0);
    let greatest = scores.reduce(f64::max).unwrap_or(1.0);
    if least > 0.0 && greatest > least * LOGARITHMIC_RATIO {
        let (low, high) = (least.log10(), greatest.log10());
        let margin = (high - low) * 0.06;
        return Axis::logarithmic(low - margin..high + margin);
    }
    // Includes 0, the best score.
    let (low, high) = (least.min(0.0), greatest.max(0.0));
    let margin = ((high - low) * 0.06).max(1e-6);
    Axis::linear(if low < 0.0 { low - margin } else { 0.0 }..high + margin)
}

/// Draws text in the row above the panel.
fn draw_text(area: &Canvas<'_>, side: HPos, x: usize, content: &str) -> Drawn<()> {
    let style = text(14, INK).pos(Pos::new(side, VPos::Center));
    area.draw_text(content, &style, (px(x), px(LEGEND + 1)))?;
    Ok(())
}

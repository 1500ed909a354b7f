//! The panel of losses.

use std::ops::Range;

use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::axis::Axis;
use super::curve::{Bucket, LossPoint, Span, curve};
use super::{
    Canvas, Chart, Drawn, INK, LOSSES_HEIGHT, WIDTH, draw_axes, draw_legend, draw_line, px, text,
};
use crate::formats::stats::LossEntry;

pub const COLORS: [(RGBColor, &str); 2] =
    [(RGBColor(0, 114, 178), "D loss"), (RGBColor(213, 94, 0), "G loss")];

pub fn draw(area: &Canvas<'_>, entries: &[LossEntry], last: f64) -> Drawn<()> {
    let points: Vec<LossPoint> =
        entries.iter().map(|entry| (entry.iteration, entry.d_loss, entry.g_loss)).collect();
    let curves = [
        curve(points.iter().map(|point| (point.0, point.1))),
        curve(points.iter().map(|point| (point.0, point.2))),
    ];
    let span = Span::of(&points);
    let mut chart = draw_axes(area, last, Axis::linear(span.shown.clone()), "loss")?;
    for (curve, (color, _)) in curves.iter().zip(COLORS) {
        draw_band(&mut chart, curve, &span.shown, color)?;
    }
    for (curve, (color, _)) in curves.iter().zip(COLORS) {
        draw_line(&mut chart, curve, &span.shown, color)?;
    }
    for ((color, label), right) in COLORS.into_iter().zip([196, 104]) {
        draw_legend(area, right, color, label)?;
    }
    draw_note(area, &span)
}

pub fn draw_band(
    chart: &mut Chart<'_, '_>,
    curve: &[Bucket],
    shown: &Range<f64>,
    color: RGBColor,
) -> Drawn<()> {
    let at = |bucket: &Bucket, loss: f64| (bucket.iteration, loss.clamp(shown.start, shown.end));
    let above = curve.iter().map(|bucket| at(bucket, bucket.greatest));
    let below = curve.iter().rev().map(|bucket| at(bucket, bucket.least));
    let outline: Vec<_> = above.chain(below).collect();
    chart.draw_series([Polygon::new(outline, color.mix(0.14))])?;
    Ok(())
}

fn draw_note(area: &Canvas<'_>, span: &Span) -> Drawn<()> {
    let style = text(12, INK).pos(Pos::new(HPos::Right, VPos::Bottom));
    if let Some(note) = span.note() {
        area.draw_text(&note, &style, (px(WIDTH - 26), px(LOSSES_HEIGHT - 8)))?;
    }
    Ok(())
}

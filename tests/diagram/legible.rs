//! Diagrams are legible: no elements overlap, whatever their sizes.

use gan_cuda::picture::diagram::{Diagram, svg};

use super::cases;
use super::svg::{Arrow, ParsedSvg, Rect};

fn diagrams() -> impl Iterator<Item = (String, Diagram, ParsedSvg)> {
    cases().into_iter().map(|case| {
        let diagram = case.diagram();
        let parsed = ParsedSvg::of(&svg::write(&diagram));
        (case.name, diagram, parsed)
    })
}

#[test]
fn svg_is_well_formed_and_accessible() {
    for case in cases() {
        let text = svg::write(&case.diagram());
        let document = roxmltree::Document::parse(&text).unwrap();
        let root = document.root_element();
        assert_eq!(root.attribute("role"), Some("img"));
        let named = root.attribute("aria-labelledby").unwrap();
        for id in named.split(' ') {
            let label = root.descendants().find(|node| node.attribute("id") == Some(id));
            assert!(!label.unwrap().text().unwrap().is_empty());
        }
        let title = root.children().find(|node| node.tag_name().name() == "title").unwrap();
        assert!(title.text().unwrap().starts_with(&case.preset.name));
    }
}

#[test]
fn svg_has_all_boxes_arrows_and_texts() {
    for (name, diagram, parsed) in diagrams() {
        for panel in &diagram.panels {
            for node in &panel.nodes {
                let texts = parsed.texts.iter().filter(|t| t.inside.as_ref() == Some(&node.id));
                let lines: Vec<_> = texts.map(|text| text.text.clone()).collect();
                assert_eq!(lines, node.lines, "{name} {}", node.id);
            }
            for label in panel.edges.iter().flat_map(|edge| &edge.label) {
                assert!(parsed.texts.iter().any(|text| text.text == *label), "{name} {label}");
            }
        }
        let edges: usize = diagram.panels.iter().map(|panel| panel.edges.len()).sum();
        let outside = parsed.texts.iter().filter(|text| text.inside.is_none());
        assert!(outside.count() > edges / 2);
        assert_eq!(parsed.arrows.len(), edges + 4, "{name}: four are in the legend");
    }
}

#[test]
fn boxes_do_not_overlap_and_are_inside_the_image() {
    for (name, _, parsed) in diagrams() {
        let image = parsed.bounds();
        for (i, (id, at)) in parsed.boxes.iter().enumerate() {
            assert!(image.contains(at), "{name} {id}");
            for (other, there) in &parsed.boxes[..i] {
                assert!(!at.overlaps(there), "{name}: {id} and {other}");
            }
        }
    }
}

#[test]
fn texts_fit_their_boxes_and_overlap_nothing_else() {
    for (name, _, parsed) in diagrams() {
        let image = parsed.bounds();
        for (i, text) in parsed.texts.iter().enumerate() {
            assert!(image.contains(&text.at), "{name}: {text:?} leaves the image");
            for other in &parsed.texts[..i] {
                assert!(!text.at.overlaps(&other.at), "{name}: {text:?} on {other:?}");
            }
            if let Some(inside) = &text.inside {
                let at = parsed.find(inside);
                assert!(at.contains(&text.at), "{name}: {text:?} leaves {inside}: {at:?}");
                continue;
            }
            for (id, at) in &parsed.boxes {
                assert!(!at.overlaps(&text.at), "{name}: {text:?} on {id}");
            }
            for arrow in &parsed.arrows {
                assert!(!crosses(arrow, &text.at), "{name}: {text:?} on {arrow:?}");
            }
        }
    }
}

/// Whether an arrow crosses a rectangle, not only touches its edge.
fn crosses(arrow: &Arrow, at: &Rect) -> bool {
    arrow.segments.iter().any(|segment| segment.expanded(0.2).overlaps(&at.expanded(-0.3)))
}

#[test]
fn arrows_connect_their_boxes_and_cross_none() {
    for (name, diagram, parsed) in diagrams() {
        for arrow in &parsed.arrows {
            for (id, at) in &parsed.boxes {
                assert!(!crosses(arrow, at), "{name}: {arrow:?} through {id}");
            }
        }
        for edge in diagram.panels.iter().flat_map(|panel| &panel.edges) {
            let (from, to) = (parsed.find(&edge.from), parsed.find(&edge.to));
            let drawn = |arrow: &&Arrow| touches(&from, arrow.begin) && touches(&to, arrow.end);
            assert_eq!(parsed.arrows.iter().filter(drawn).count(), 1, "{name}: {edge:?}");
        }
    }
}

/// Whether a point is on a rectangle's edge.
fn touches(at: &Rect, (x, y): (f64, f64)) -> bool {
    let near = |a: f64, b: f64| (a - b).abs() < 0.2;
    let inside = at.expanded(0.2).contains(&Rect { left: x, top: y, right: x, bottom: y });
    let on_side = near(x, at.left) || near(x, at.right);
    inside && (on_side || near(y, at.top) || near(y, at.bottom))
}

/// Arrows that start at the same point may share a line.
#[test]
fn other_arrows_do_not_overlap() {
    for (name, _, parsed) in diagrams() {
        for (i, a) in parsed.arrows.iter().enumerate() {
            for b in &parsed.arrows[..i] {
                let along = |p: &Rect, q: &Rect| {
                    let parallel = (p.left == p.right) == (q.left == q.right);
                    let longer = Rect { right: q.right + 0.2, bottom: q.bottom + 0.2, ..*q };
                    parallel && p.expanded(1.0).overlaps(&longer)
                };
                let shared = a.segments.iter().any(|p| b.segments.iter().any(|q| along(p, q)));
                assert!(!shared || a.begin == b.begin, "{name}: {a:?} and {b:?} in {}", a.class);
            }
        }
    }
}

//! The DOT file, parsed by another program.

use gan_cuda::picture::diagram::dot;
use layout::gv::DotParser;
use layout::gv::parser::ast::{Graph, Stmt};

use super::cases;

fn count(graph: &Graph) -> [usize; 2] {
    let mut sum = [0, 0];
    for statement in &graph.list.list {
        let [nodes, edges] = match statement {
            Stmt::Node(_) => [1, 0],
            Stmt::Edge(edge) => [0, edge.to.len()],
            Stmt::SubGraph(inner) => count(inner),
            Stmt::Attribute(_) => [0, 0],
        };
        sum = [sum[0] + nodes, sum[1] + edges];
    }
    sum
}

#[test]
fn dot_file_is_valid_and_has_all_boxes_and_arrows() {
    for case in cases() {
        let diagram = case.diagram();
        let text = dot::write(&diagram);
        let graph = DotParser::new(&text).process().unwrap_or_else(|e| panic!("{e}\n{text}"));
        let nodes: usize = diagram.panels.iter().map(|panel| panel.nodes.len()).sum();
        let edges: usize = diagram.panels.iter().map(|panel| panel.edges.len()).sum();
        assert_eq!(count(&graph), [nodes, edges], "{}", case.name);
    }
}

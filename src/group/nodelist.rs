//! Slurm's lists of hosts: `node[01-04,07],other3`.

/// The first host of a list; `None` if there is none.
pub(super) fn first_host(list: &str) -> Option<String> {
    let mut host = String::new();
    let mut rest = list.trim();
    // Text, brackets, text, brackets, …: of each pair of brackets, the first number.
    while let Some(at) = rest.find(['[', ',']) {
        host.push_str(&rest[..at]);
        if rest[at..].starts_with(',') {
            return valid(host);
        }
        let (numbers, after) = rest[at + 1..].split_once(']')?;
        let first = numbers.split([',', '-']).next().filter(|first| !first.is_empty())?;
        host.push_str(first);
        rest = after;
    }
    host.push_str(rest);
    valid(host)
}

fn valid(host: String) -> Option<String> {
    let is_part = |c: char| c.is_alphanumeric() || "-_.:".contains(c);
    (!host.is_empty() && host.chars().all(is_part)).then_some(host)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_host_is_the_first_number_of_every_pair_of_brackets() {
        let cases = [
            ("node[01-04,07],other3", "node01"),
            ("gpu-a", "gpu-a"),
            ("gpu-a,gpu-b", "gpu-a"),
            ("n[3,5-7]x", "n3x"),
            ("rack[2-3]node[08-11]", "rack2node08"),
            ("a,b[1-2]", "a"),
            ("dgx-[10-12].cluster.example", "dgx-10.cluster.example"),
            (" host ", "host"),
        ];
        for (list, host) in cases {
            assert_eq!(first_host(list).as_deref(), Some(host), "{list}");
        }
    }

    #[test]
    fn lists_without_a_first_host_are_refused() {
        for list in ["", "  ", ",a", "node[", "node[01", "node[]", "node[,1]", "node[-1]", "a b"] {
            assert_eq!(first_host(list), None, "{list}");
        }
    }
}

//! Changes a single value of a configuration, given as text.

use toml::{Table, Value};

use super::{Config, config_text};
use crate::run::Result;

impl Config {
    /// The same with another value at a key, such as `adam_eps` or `gan.adam_eps`; it is not checked.
    ///
    /// # Errors
    /// Why the value cannot be that of the key, or that there is no such key.
    pub fn with(&self, key: &str, text: &str) -> Result<Config, String> {
        let table = Table::try_from(self).map_err(|error| config_text(error).to_string())?;
        let value = value(text);
        let attempts = [format!("gan.{key}"), key.to_owned()].map(|path| {
            let mut table = table.clone();
            insert(&mut table, &path, value.clone());
            table.try_into::<Config>().map_err(|error| error.message().to_owned())
        });
        let unknown = |problem: &String| problem.starts_with("unknown field");
        match attempts {
            [Ok(config), _] | [_, Ok(config)] => Ok(config),
            [Err(a), Err(b)] => match [a, b].into_iter().find(|problem| !unknown(problem)) {
                Some(problem) => Err(problem),
                None => Err("it is neither a flag of train nor a value of config.toml".to_owned()),
            },
        }
    }
}

/// A TOML value, or a string without quotation marks.
fn value(text: &str) -> Value {
    let parsed = toml::from_str::<Table>(&format!("value = {text}")).ok();
    let parsed = parsed.and_then(|mut table| table.remove("value"));
    parsed.unwrap_or_else(|| Value::String(text.to_owned()))
}

/// Sets the value at a path of keys separated by periods.
fn insert(table: &mut Table, path: &str, value: Value) {
    match path.split_once('.') {
        None => drop(table.insert(path.to_owned(), value)),
        Some((first, rest)) => {
            let inner = table.entry(first).or_insert_with(|| Value::Table(Table::new()));
            if let Value::Table(inner) = inner {
                insert(inner, rest, value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gan::preset::find;

    #[test]
    fn values_without_a_flag_are_found_by_their_key() {
        let config = Config::of_preset(find("cgan").unwrap()).unwrap();
        assert_eq!(config.with("adam_eps", "1e-6").unwrap().gan.adam_eps, 1e-6);
        assert_eq!(config.with("gan.ema_warmup", "7").unwrap().gan.ema_warmup, 7);
        assert_eq!(config.with("seed", "9").unwrap().seed, 9);
        assert_eq!(config.with("sample_grid", "3x4").unwrap().sample_grid.to_string(), "3x4");
        for (key, text, part) in [
            ("adam_eps", "much", "much"),
            ("nothing", "1", "neither a flag"),
            ("a.b", "1", "neither"),
        ] {
            let problem = config.with(key, text).unwrap_err();
            assert!(problem.contains(part), "{key}: {problem}");
        }
    }
}

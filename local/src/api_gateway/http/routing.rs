//! Selects the route of a request.
//!
//! The order is API Gateway's: a full match, then a match with `{name}`s, then one with a greedy `{name+}`, then
//! `$default`; of two equal matches, the one that names the method before `ANY`
//! (<https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-routes.html>).

use std::collections::BTreeMap;

use percent_encoding::percent_decode_str;

use crate::template::HttpRoute;

/// A route, and the values of its path parameters.
#[derive(Debug, PartialEq)]
pub(super) struct Chosen<'a> {
    pub(super) route: &'a HttpRoute,
    pub(super) parameters: BTreeMap<String, String>,
}

impl Chosen<'_> {
    /// E.g. `GET /items/{id}`, or `$default`.
    pub(super) fn route_key(&self) -> String {
        match self.route.path.as_str() {
            "$default" => "$default".to_owned(),
            path => format!("{} {path}", self.route.method),
        }
    }
}

/// How well a path matches; the smallest is the best.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Fit {
    Full,
    /// A match with this many parameters.
    Parameters(usize),
    Greedy,
    Default,
}

/// The best route for `method` and `path`; `None` if no route matches.
pub(super) fn choose<'a>(routes: &'a [HttpRoute], method: &str, path: &str) -> Option<Chosen<'a>> {
    let fitting = routes.iter().filter(|route| route.method == method || route.method == "ANY");
    let matches = fitting.filter_map(|route| {
        let (fit, parameters) = fit(&route.path, path)?;
        Some(((fit, route.method == "ANY"), Chosen { route, parameters }))
    });
    matches.min_by_key(|(rank, _)| *rank).map(|(_, chosen)| chosen)
}

fn fit(pattern: &str, path: &str) -> Option<(Fit, BTreeMap<String, String>)> {
    let mut parameters = BTreeMap::new();
    if pattern == "$default" {
        return Some((Fit::Default, parameters));
    }
    let mut rest = path.trim_start_matches('/');
    for part in pattern.trim_start_matches('/').split('/') {
        let name = part.strip_prefix('{').and_then(|name| name.strip_suffix('}'));
        if let Some(greedy) = name.and_then(|name| name.strip_suffix('+')) {
            parameters.insert(greedy.to_owned(), decoded(rest));
            return (!rest.is_empty()).then_some((Fit::Greedy, parameters));
        }
        let (segment, after) =
            rest.split_once('/').map_or((rest, None), |(segment, after)| (segment, Some(after)));
        match name {
            Some(_) if segment.is_empty() => return None,
            Some(name) => _ = parameters.insert(name.to_owned(), decoded(segment)),
            None if segment != part => return None,
            None => {}
        }
        // A path that is longer or shorter than the pattern does not match, which is checked at the end.
        rest = after.unwrap_or("");
    }
    let fit = if parameters.is_empty() { Fit::Full } else { Fit::Parameters(parameters.len()) };
    let same_length =
        path.trim_matches('/').split('/').count() == pattern.trim_matches('/').split('/').count();
    same_length.then_some((fit, parameters))
}

fn decoded(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn routes(keys: &[&str]) -> Vec<HttpRoute> {
        let route = |key: &&str| {
            let (method, path) = key.split_once(' ').unwrap_or(("ANY", key));
            HttpRoute { method: method.to_owned(), path: path.to_owned(), function: (*key).to_owned() }
        };
        keys.iter().map(route).collect()
    }

    #[test]
    fn the_best_match_wins_however_they_stand() {
        let mut routes = routes(&[
            "$default",
            "ANY /{proxy+}",
            "ANY /items/{id}",
            "GET /items/{id}",
            "GET /items/new",
            "POST /items",
            "GET /a/{b}/c/{d}",
        ]);
        for _ in 0..2 {
            let chosen =
                |method, path| choose(&routes, method, path).map(|chosen| chosen.route.function.clone());
            assert_eq!(chosen("GET", "/items/new").as_deref(), Some("GET /items/new"));
            assert_eq!(chosen("GET", "/items/7").as_deref(), Some("GET /items/{id}"));
            assert_eq!(chosen("PUT", "/items/7").as_deref(), Some("ANY /items/{id}"));
            assert_eq!(chosen("POST", "/items").as_deref(), Some("POST /items"));
            assert_eq!(chosen("POST", "/items/7/more").as_deref(), Some("ANY /{proxy+}"));
            assert_eq!(chosen("GET", "/a/1/c/2").as_deref(), Some("GET /a/{b}/c/{d}"));
            assert_eq!(chosen("GET", "/").as_deref(), Some("$default"));
            routes.reverse();
        }
    }

    #[test]
    fn parameters_are_decoded() {
        let routes = routes(&["GET /items/{id}", "GET /files/{path+}"]);
        let parameter =
            |path, name: &str| choose(&routes, "GET", path).map(|chosen| chosen.parameters[name].clone());
        assert_eq!(parameter("/items/a%20b", "id").as_deref(), Some("a b"));
        assert_eq!(parameter("/files/a/b.txt", "path").as_deref(), Some("a/b.txt"));
    }

    #[test]
    fn no_route_is_no_match() {
        let routes = routes(&["GET /items/{id}", "POST /items", "GET /files/{path+}"]);
        for (method, path) in
            [("GET", "/items"), ("GET", "/items/1/2"), ("DELETE", "/items"), ("GET", "/files/"), ("GET", "/")]
        {
            assert_eq!(choose(&routes, method, path), None, "{method} {path}");
        }
    }
}

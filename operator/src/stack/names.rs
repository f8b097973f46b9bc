//! Which stack a function is of, by its name.
//!
//! CloudFormation names a function after its stack and its id in the template, `funnelcast-prod-SendFunction-1A2B3C4D5E6F`, and a
//! queue likewise. A name of a function has 64 characters at most, so it cuts the stack's part of each that would be longer: in a
//! stack with a long name, how much is left of it depends on the length of the id
//! (<https://github.com/convox/rack/issues/2297> shows one). Functions whose names are cut belong together if they name the same
//! queue.

use std::collections::BTreeMap;

use funnelcast_aws::account::functions::Function;

/// The functions of the template, by their ids.
pub(crate) const FUNCTIONS: [&str; 23] = [
    "AccessFunction",
    "AckFunction",
    "AuthorizeFunction",
    "BroadcastFunction",
    "CallFunction",
    "ConnectFunction",
    "DefaultFunction",
    "DigestFunction",
    "DisconnectFunction",
    "FilesFunction",
    "HistoryFunction",
    "HttpApiFunction",
    "InboxFunction",
    "JoinFunction",
    "LeaveFunction",
    "PingFunction",
    "PresenceFunction",
    "ReceiptsFunction",
    "SearchFunction",
    "SendFunction",
    "StatusFunction",
    "TimersFunction",
    "WebhookFunction",
];
/// The function that every stack has, by which stacks are told apart.
const SIGN: &str = "AuthorizeFunction";
/// How long the name of a function is at least whose stack's part was cut, and that of a queue, which has 80 characters at most. Of
/// both, the random end is 12 or 13 characters long.
const CUT_FUNCTION_MIN: usize = 63;
const CUT_QUEUE_MIN: usize = 79;
/// The queue that all functions name, and its id in the template.
const QUEUE_URL: &str = "DELIVERY_QUEUE_URL";
const QUEUE: &str = "DeliveryQueue";

/// A stack, as the names of its functions tell it.
#[derive(Debug)]
pub(super) struct Found {
    /// Its name, or the beginning of it.
    pub(super) name: String,
    /// Whether the name may go on.
    is_cut: bool,
    /// Its functions, by their ids in the template.
    pub(super) functions: BTreeMap<String, Function>,
}

/// The name of something of a stack, in its parts.
#[derive(Debug, PartialEq, Eq)]
struct Named<'a> {
    stack: &'a str,
    id: &'a str,
    is_cut: bool,
}

/// The stacks that these functions are of.
pub(super) fn stacks(functions: Vec<Function>) -> Vec<Found> {
    let (mut stacks, mut cut) = (Vec::<Found>::new(), Vec::new());
    for function in functions {
        let Some(Named { stack, id, is_cut }) = of_function(&function.function_name) else { continue };
        let (stack, id) = (stack.to_owned(), id.to_owned());
        match stacks.iter_mut().find(|found| found.name == stack) {
            _ if is_cut => cut.push((stack, id, function)),
            Some(found) => drop(found.functions.insert(id, function)),
            None => stacks.push(Found { name: stack, is_cut: false, functions: [(id, function)].into() }),
        }
    }
    for (stack, id, function) in cut {
        let found = stacks.iter_mut().find(|found| found.has(&stack, &id, &function));
        match found {
            Some(found) => {
                if found.is_cut && stack.len() > found.name.len() {
                    found.name = stack;
                }
                found.functions.insert(id, function);
            }
            None => stacks.push(Found { name: stack, is_cut: true, functions: [(id, function)].into() }),
        }
    }
    stacks.iter_mut().for_each(Found::complete);
    stacks
}

/// Those of the stacks that have the function by which they are told apart.
pub(super) fn whole(stacks: Vec<Found>) -> Vec<Found> {
    stacks.into_iter().filter(|found| found.functions.contains_key(SIGN)).collect()
}

/// Those of the stacks that may have this name.
pub(super) fn with_name(name: &str, stacks: Vec<Found>) -> Vec<Found> {
    let (exact, others): (Vec<_>, Vec<_>) = stacks.into_iter().partition(|found| found.name == name);
    let alike = |found: &Found| found.is_cut && name.starts_with(&found.name);
    if exact.is_empty() { others.into_iter().filter(alike).collect() } else { exact }
}

impl Found {
    /// Whether a function is of this stack whose name has `stack`, which is cut. If they name no queue, the same beginning is all
    /// that there is to go by.
    fn has(&self, stack: &str, id: &str, function: &Function) -> bool {
        let is_alike = self.name.starts_with(stack) || (self.is_cut && stack.starts_with(&self.name));
        if !is_alike || self.functions.contains_key(id) {
            return false;
        }
        match (self.queue(), queue_url(function)) {
            (Some(own), Some(url)) => own == url,
            _ => self.name == stack,
        }
    }

    fn queue(&self) -> Option<&str> {
        self.functions.values().find_map(queue_url)
    }

    /// Takes the rest of the name from the queue, whose name may be longer.
    fn complete(&mut self) {
        let queue = self.queue().and_then(|url| url.rsplit('/').next());
        let Some(Named { stack, is_cut, .. }) = queue.and_then(of_queue) else { return };
        if self.is_cut && stack.starts_with(&self.name) {
            (self.name, self.is_cut) = (stack.to_owned(), is_cut);
        }
    }
}

fn queue_url(function: &Function) -> Option<&str> {
    function.environment.get(QUEUE_URL).map(String::as_str)
}

fn of_function(name: &str) -> Option<Named<'_>> {
    let (stack, id) = parts(name, |id| FUNCTIONS.contains(&id))?;
    Some(Named { stack, id, is_cut: name.len() >= CUT_FUNCTION_MIN })
}

fn of_queue(name: &str) -> Option<Named<'_>> {
    let (stack, id) = parts(name, |id| id == QUEUE)?;
    Some(Named { stack, id, is_cut: name.len() >= CUT_QUEUE_MIN })
}

/// The stack and the id in a name, which ends after the id or has one more part, without hyphens.
fn parts(name: &str, is_id: impl Fn(&str) -> bool) -> Option<(&str, &str)> {
    let whole = name.rsplit_once('-')?;
    [Some(whole), whole.0.rsplit_once('-')].into_iter().flatten().find(|(_, id)| is_id(id))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: &str = "funnelcast-production-of-the-shop-in-europe";

    /// A function as CloudFormation names it: of `stack`, there are as many characters as fit.
    fn function(stack: &str, id: &str, queue: Option<&str>) -> Function {
        let end = format!("-{id}-1A2B3C4D5E6F");
        let stack = &stack[..stack.len().min(64 - end.len())];
        let url = queue
            .map(|queue| (QUEUE_URL.to_owned(), format!("https://sqs.eu-west-1.amazonaws.com/1/{queue}")));
        Function {
            function_name: format!("{stack}{end}"),
            environment: url.into_iter().collect(),
            ..Function::default()
        }
    }

    fn all_of(stack: &str, queue: Option<&str>) -> Vec<Function> {
        FUNCTIONS.iter().map(|id| function(stack, id, queue)).collect()
    }

    /// The names of stacks, each with how many functions it has.
    fn told(stacks: &[Found]) -> Vec<(&str, usize)> {
        stacks.iter().map(|found| (found.name.as_str(), found.functions.len())).collect()
    }

    #[test]
    fn a_name_has_a_stack_and_an_id() {
        let named = |name| of_function(name).map(|Named { stack, id, is_cut }| (stack, id, is_cut));
        assert_eq!(
            named("funnelcast-prod-SendFunction-1A2B3C"),
            Some(("funnelcast-prod", "SendFunction", false))
        );
        assert_eq!(named("funnelcast-dev-SendFunction"), Some(("funnelcast-dev", "SendFunction", false)));
        assert_eq!(
            named("funnelcast-production-of-the-shop-BroadcastFunction-1A2B3C4D5E6F"),
            Some(("funnelcast-production-of-the-shop", "BroadcastFunction", true))
        );
        for other in ["funnelcast-prod-helper", "SendFunction", "shop-CheckoutFunction-1A2B3C", "shop"] {
            assert_eq!(named(other), None, "{other}");
        }
    }

    #[test]
    fn a_long_name_is_one_stack_however_it_was_cut() {
        let queue = format!("{LONG}-DeliveryQueue-1A2B3C4D5E6F");
        let functions = || all_of(LONG, Some(&queue));
        let beginnings: std::collections::BTreeSet<_> =
            functions().iter().map(|one| of_function(&one.function_name).unwrap().stack.len()).collect();
        assert!(beginnings.len() > 3, "{beginnings:?}");
        let found = stacks(functions());
        assert_eq!(told(&found), [(LONG, FUNCTIONS.len())]);
        assert_eq!(told(&with_name(LONG, found)), [(LONG, FUNCTIONS.len())]);
        // Some of the names are whole.
        let middle = "funnelcast-production-of-a-shop-here";
        let queue = format!("{middle}-DeliveryQueue-1A2B3C4D5E6F");
        let found = stacks(all_of(middle, Some(&queue)));
        assert_eq!(told(&found), [(middle, FUNCTIONS.len())]);
    }

    #[test]
    fn two_stacks_that_begin_alike_are_two() {
        let names = ["eu", "us"].map(|end| format!("funnelcast-production-of-the-shop-in-the-{end}"));
        let functions =
            names.iter().flat_map(|name| all_of(name, Some(&format!("{name}-DeliveryQueue-1A2B3C4D5E6F"))));
        let found = whole(stacks(functions.collect()));
        assert_eq!(told(&found), names.each_ref().map(|name| (name.as_str(), FUNCTIONS.len())));
        assert_eq!(told(&with_name(&names[1], found)), [(names[1].as_str(), FUNCTIONS.len())]);
        let short = ["shop-eu", "shop"].map(|name| all_of(name, Some(&format!("{name}-DeliveryQueue-1"))));
        let found = with_name("shop", stacks(short.into_iter().flatten().collect()));
        assert_eq!(told(&found), [("shop", FUNCTIONS.len())]);
    }

    #[test]
    fn a_short_name_is_a_stack_whatever_the_variables_are() {
        let mut functions = all_of("shop", Some("old-DeliveryQueue-1"));
        functions[3] = function("shop", FUNCTIONS[3], Some("new-DeliveryQueue-2"));
        functions[4] = function("shop", FUNCTIONS[4], None);
        assert_eq!(told(&stacks(functions)), [("shop", FUNCTIONS.len())]);
    }

    #[test]
    fn a_name_may_be_known_by_its_beginning_alone() {
        let name = format!("{LONG}-where-customers-are-served-by-us");
        let queue = format!("{}-DeliveryQueue-1A2B3C4D5E6F", &name[..53]);
        let found = stacks(all_of(&name, Some(&queue)));
        assert_eq!(told(&found), [(&name[..53], FUNCTIONS.len())]);
        assert_eq!(told(&with_name(&name, found)), [(&name[..53], FUNCTIONS.len())]);
    }
}

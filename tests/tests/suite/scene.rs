//! The set-up with which many tests begin.

use anyhow::Result;
use tests::{Client, Stack, User, unique};

/// Two customers in a conversation of their own, connected and joined.
pub(crate) struct Pair {
    pub(crate) company: String,
    pub(crate) channel: String,
    pub(crate) ann_user: User,
    pub(crate) bob_user: User,
    pub(crate) ann: Client,
    pub(crate) bob: Client,
}

/// Makes a [`Pair`].
pub(crate) async fn pair(stack: &Stack) -> Result<Pair> {
    let company = unique("biz");
    let (ann_user, bob_user) = (User::customer_of(&company), User::customer_of(&company));
    let channel = stack.conversation(&company, &[&ann_user, &bob_user]).await?;
    let ann = joined(stack, &ann_user, &channel).await?;
    let bob = joined(stack, &bob_user, &channel).await?;
    Ok(Pair { company, channel, ann_user, bob_user, ann, bob })
}

/// A new connection of a user that has joined a channel.
pub(crate) async fn joined(stack: &Stack, user: &User, channel: &str) -> Result<Client> {
    let mut client = stack.connect(user).await?;
    client.join(channel).await?;
    Ok(client)
}

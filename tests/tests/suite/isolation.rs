//! Two companies on one stack never see each other, whatever kind of channel.

use anyhow::Result;
use serde_json::{Value, json};
use tests::{Client, Stack, User, unique};

/// A company, its admin, and a connection that has joined all that it may.
struct Tenant {
    company: String,
    conversation: String,
    admin: User,
    client: Client,
}

impl Tenant {
    async fn new(stack: &Stack) -> Result<Self> {
        let company = unique("biz");
        let admin = User::admin_of(&company);
        let conversation = stack.conversation(&company, &[]).await?;
        let client = stack.connect(&admin).await?;
        let mut tenant = Self { company, conversation, admin, client };
        for channel in tenant.channels() {
            tenant.client.join(&channel).await?;
        }
        Ok(tenant)
    }

    /// Every channel that belongs to this tenant.
    fn channels(&self) -> Vec<String> {
        let kinds = ["company", "funnel_updates", "resource_updates", "analytics"];
        let mut channels = kinds.map(|kind| format!("{kind}:{}", self.company)).to_vec();
        channels.extend([self.admin.channel(), self.conversation.clone()]);
        channels
    }

    /// One event of each kind for this tenant, as (detail-type, event, detail).
    fn updates(&self) -> [(&'static str, &'static str, Value); 5] {
        let company = &self.company;
        let conversation = self.conversation.trim_start_matches("conversation:");
        [
            (
                "FunnelUpdate",
                "funnel.update",
                json!({"type": "deployed", "funnelId": "f", "funnelName": "F", "userId": "u", "companyId": company}),
            ),
            (
                "ResourceUpdate",
                "resource.update",
                json!({"type": "created", "resourceId": "r", "resourceType": "t", "resourceName": "R",
                    "companyId": company}),
            ),
            ("AnalyticsUpdate", "analytics.update", json!({"metric": "m", "value": 1, "companyId": company})),
            (
                "UserNotification",
                "user.notification",
                json!({"userId": self.admin.id, "level": "info", "title": "t", "message": "m"}),
            ),
            (
                "ChatMessage",
                "chat.message",
                json!({"conversationId": conversation, "type": "system", "content": "hello"}),
            ),
        ]
    }
}

#[tokio::test]
async fn one_company_may_not_join_anothers_channels() -> Result<()> {
    let stack = Stack::shared()?;
    let (mut ours, theirs) = (Tenant::new(stack).await?, Tenant::new(stack).await?);
    for channel in theirs.channels() {
        assert_eq!(
            ours.client.refused("join", json!({"channel": channel})).await?,
            *"forbidden",
            "{channel}"
        );
        let send = json!({"channel": channel, "event": "chat.typing", "data": {"isTyping": true}});
        let refusal = ours.client.refused("send", send).await?;
        assert!(refusal == *"not_joined" || refusal == *"forbidden", "{channel}: {refusal:?}");
    }
    Ok(())
}

#[tokio::test]
async fn one_company_never_hears_another() -> Result<()> {
    let stack = Stack::shared()?;
    let (mut ours, mut theirs) = (Tenant::new(stack).await?, Tenant::new(stack).await?);
    for (detail_type, _, detail) in theirs.updates() {
        stack.emit(detail_type, detail).await?;
    }
    for (_, name, _) in theirs.updates() {
        let event = theirs.client.event(name).await?;
        assert!(theirs.channels().iter().any(|channel| event["channel"] == *channel), "{event}");
    }
    ours.client.silence().await?;
    for (detail_type, name, detail) in ours.updates() {
        stack.emit(detail_type, detail).await?;
        ours.client.only(name).await?;
    }
    theirs.client.silence().await
}

//! The app's own function that is asked before a message of a user is kept.

use std::time::Duration;

use funnelcast_aws::{Config, Table, config::OnFailure, gateway::AppFunction};
use funnelcast_core::{
    Channel, Error,
    publication::Publication,
    review::{Question, Verdict},
};

/// How long the function may take. The sender waits meanwhile.
const REVIEW_MAX: Duration = Duration::from_secs(2);

/// The function, and what becomes of a message if it does not answer.
#[derive(Debug)]
pub struct Review {
    function: AppFunction,
    on_failure: OnFailure,
}

impl Review {
    /// The function that is configured, if one is.
    ///
    /// # Errors
    /// [`Error::Internal`] if it is misconfigured.
    pub(crate) async fn build(config: &Config) -> Result<Option<Self>, Error> {
        let function = AppFunction::build(config).await?;
        Ok(function.map(|function| Self { function, on_failure: config.review_failure }))
    }

    /// Has the function review a message, or the new text of one, before it is kept: 1 read and 1 invocation; nothing for all
    /// other events.
    ///
    /// # Errors
    /// [`Error::Refused`] if the function refuses it; [`Error::Internal`] if it does not answer and messages are not to pass
    /// then. A retry with the same key asks again.
    pub(crate) async fn ask(&self, table: &Table, publication: Publication) -> Result<Publication, Error> {
        let Channel::Conversation(conversation) = publication.channel.clone() else { return Ok(publication) };
        let Some(mut question) = Question::about(&publication, &conversation)? else {
            return Ok(publication);
        };
        question.company_id = table.company_of(&conversation).await?;
        let question =
            serde_json::to_vec(&question).map_err(|error| Error::internal("a question", &error))?;
        let reviewed = async {
            let result = self.function.invoke(question, REVIEW_MAX).await?;
            Verdict::read(&result)?.apply(publication.clone())
        };
        match (reviewed.await, self.on_failure) {
            (Err(Error::Internal(error)), OnFailure::Open) => {
                tracing::error!(error, %conversation, "the review has failed; the message is kept as it is");
                Ok(publication)
            }
            (Err(Error::Internal(error)), OnFailure::Closed) => {
                Err(Error::Internal(format!("the review has failed: {error}")))
            }
            (reviewed, _) => reviewed,
        }
    }
}

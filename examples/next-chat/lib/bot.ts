/** The shop's assistant: answers messages that begin with `@bot`, one after the other, in the order in which they were sent. */

import { type ChatEvent, realTimeUpdates } from 'funnelcast/server';

type Question = ChatEvent<'MessageCreated'>;

const bot = { id: 'bot', name: 'Assistant' };
/** How often typing is shown again. */
const TYPING_MS = 3000;
/** How long an earlier question may come after a later one. */
const LATE_MS = 1000;
/** The questions of each conversation that this process has not answered yet. */
const waiting = new Map<string, Question[]>();

/** Answers a message. Returns when this and all that wait before it are answered. */
export async function answer(question: Question): Promise<void> {
  const { conversationId, event } = question;
  const questions = waiting.get(conversationId);
  // Events may come twice, and in any order.
  if (questions?.some(one => one.event.seq === event.seq)) return;
  if (questions) {
    questions.push(question);
    questions.sort((one, other) => (one.event.seq ?? 0) - (other.event.seq ?? 0));
    return;
  }
  const queue = [question];
  waiting.set(conversationId, queue);
  await sleep(LATE_MS);
  try {
    for (let next = queue[0]; next; next = queue[0]) {
      await reply(next);
      queue.splice(queue.indexOf(next), 1);
    }
  } finally {
    waiting.delete(conversationId);
  }
}

async function reply({ conversationId, event: { seq, data } }: Question): Promise<void> {
  const showTyping = () => realTimeUpdates.sendTyping(conversationId, true, bot).catch(console.error);
  await showTyping();
  const typing = setInterval(showTyping, TYPING_MS);
  try {
    const content = await think(data.content);
    // The key makes it one answer, if the question comes again.
    await realTimeUpdates.sendBotMessage(conversationId, content, { replyTo: seq, key: `answer-${seq}` });
  } finally {
    clearInterval(typing);
  }
}

/** Here a real app would ask a model. */
async function think(question: string): Promise<string> {
  await sleep(1500);
  return /open|hours/i.test(question) ? 'We are open from 9 to 5.' : 'A person will answer that soon.';
}

function sleep(ms: number): Promise<void> {
  return new Promise(resolve => setTimeout(resolve, ms));
}

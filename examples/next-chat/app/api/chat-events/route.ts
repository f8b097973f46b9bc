import { onMessage } from 'funnelcast/server';
import { after } from 'next/server';
import { answer } from '@/lib/bot';

/** What happens in conversations: EventBridge sends it here, and so does the local stack. */
export const POST = (request: Request) =>
  onMessage(request, {
    MessageCreated: message => {
      const { type, content } = message.event.data;
      if (type === 'user' && content.startsWith('@bot')) after(() => answer(message)); // the response does not wait for it
    },
    MessageUnanswered: ({ recipients = [], event }) => {
      console.log(`nobody has seen message ${event.seq}; a real app sends mail to ${recipients.join(', ')}`);
    },
  });

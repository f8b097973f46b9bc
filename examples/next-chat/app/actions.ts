'use server';

import { realTimeUpdates } from 'funnelcast/server';
import { redirect } from 'next/navigation';
import { companyId, conversationId, people } from '@/lib/people';
import { setCurrentUser } from '@/lib/session';

export async function signIn(form: FormData): Promise<void> {
  const person = people.find(({ id }) => id === form.get('id'));
  if (!person) return;
  await setCurrentUser(person);
  // Who may join the conversation. A real app says so once, when the conversation begins.
  const participants = people.map(({ id }) => id);
  await realTimeUpdates.sendConversation({ companyId }, conversationId, participants);
  redirect(person.page);
}

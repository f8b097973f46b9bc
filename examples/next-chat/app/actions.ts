'use server';

import { realTimeUpdates } from 'funnelcast/server';
import { redirect } from 'next/navigation';
import { companyId, customers, merchant, people } from '@/lib/people';
import { setCurrentUser } from '@/lib/session';

export async function signIn(form: FormData): Promise<void> {
  const person = people.find(({ id }) => id === form.get('id'));
  if (!person) return;
  await setCurrentUser(person);
  // Who may join the conversations. A real app says so once, when a conversation begins.
  for (const { id, conversationId } of customers) {
    await realTimeUpdates.sendConversation({ companyId }, conversationId, [merchant.id, id]);
  }
  redirect(person.page);
}

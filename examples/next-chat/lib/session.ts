/** Who is signed in. This cookie stands in for the session of a real app: it says who the user is, and anybody could write it. */

import { cookies } from 'next/headers';
import { type Person, people } from './people';

const COOKIE = 'example-user';

export async function currentUser(): Promise<Person | undefined> {
  const id = (await cookies()).get(COOKIE)?.value;
  return people.find(person => person.id === id);
}

export async function setCurrentUser(person: Person): Promise<void> {
  (await cookies()).set(COOKIE, person.id, { httpOnly: true, sameSite: 'lax' });
}

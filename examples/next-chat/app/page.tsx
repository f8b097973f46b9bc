import { people } from '@/lib/people';
import { signIn } from './actions';

export default function SignInPage() {
  return (
    <main className="sign-in">
      <h1>Who are you?</h1>
      <form action={signIn}>
        {people.map(({ id, name, page }) => (
          <button key={id} type="submit" name="id" value={id}>
            {name}, the {page.slice(1)}
          </button>
        ))}
      </form>
    </main>
  );
}

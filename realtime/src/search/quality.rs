//! How good the search is: conversations in five languages, and queries as people type them, each with the message that they
//! look for. It has to be among the first three results for 95% of them.

use std::cmp::Reverse;

use super::{postings::is_named, query::Query};

/// A conversation, the oldest message first, and queries with the place of the message that each looks for.
struct Corpus {
    messages: &'static [&'static str],
    queries: &'static [(&'static str, usize)],
}

const ENGLISH: Corpus = Corpus {
    messages: &[
        "Hi! I bought the growth course last week and can't find my login.",
        "Welcome! Your login details were sent to the address you paid with.",
        "Got them, thanks. The videos won't play on my phone though.",
        "Please update the app to version 4, older versions can't play the lessons.",
        "Works now. Can I switch from monthly to yearly billing?",
        "Yes, we changed your subscription to the annual plan; the next invoice is due on 3 March.",
        "Could you send me an invoice with our company's VAT number?",
        "Invoice 2041 is attached, including the VAT id you gave us.",
        "One of my team members needs access as well.",
        "I have added two seats; invite them from Settings > Team.",
        "I'd like to cancel. I was charged twice in April.",
        "Sorry about the double charge! We refunded $49 to your card today.",
        "The refund arrived. I'll stay until the end of the year.",
        "Great to hear. Here is a coupon for 20% off the masterclass: SPRING20",
    ],
    queries: &[
        ("login", 1),
        ("videos playing", 2),
        ("update app", 3),
        ("yearly", 4),
        ("annual plan", 5),
        ("invoice VAT", 7),
        ("inviting team", 9),
        ("cancelled", 10),
        ("charged twice", 10),
        ("refunds", 11),
        ("\"double charge\"", 11),
        ("coupon", 13),
        ("spring20", 13),
        ("the version of the app", 3),
        ("subscr", 5),
    ],
};

const GERMAN: Corpus = Corpus {
    messages: &[
        "Hallo, ich habe gestern den Kurs gekauft, aber keine Rechnung bekommen.",
        "Die Rechnungen kommen immer am Monatsende, ich schicke Ihnen Ihre schon heute.",
        "Danke! Kann ich die Zahlungsart noch ändern?",
        "Ja, unter Einstellungen finden Sie alle Zahlungsarten.",
        "Mein Zugang ist gesperrt, obwohl ich bezahlt habe.",
        "Ihr Zugang wurde freigeschaltet, bitte melden Sie sich neu an.",
        "Wie kann ich mein Abonnement kündigen?",
        "Die Kündigung ist jederzeit möglich, das Abo läuft bis zum Monatsende.",
        "Ich hätte gern zwei Bücher aus dem Shop, gibt es Rabatte?",
        "Ab zwei Büchern gibt es 10 % Rabatt, der Gutschein heißt FRÜHLING.",
        "Die Lieferung ist beschädigt angekommen.",
        "Das tut uns leid, wir erstatten den Betrag und schicken Ersatz.",
        "Wann beginnen die Häuser-Workshops in Köln?",
    ],
    queries: &[
        ("Rechnung", 1),
        ("rechnungen", 1),
        ("Zahlungsart ändern", 2),
        ("zahlungsart aendern", usize::MAX),
        ("gesperrter Zugang", 4),
        ("freigeschaltet", 5),
        ("kündigen", 6),
        ("kundigen", 6),
        ("Kündigung", 7),
        ("Buch Rabatt", 9),
        ("Bücher", 9),
        ("Gutschein", 9),
        ("frühling", 9),
        ("beschädigte Lieferung", 10),
        ("erstattet", 11),
        ("Haus", 12),
        ("Köln", 12),
    ],
};

const SPANISH: Corpus = Corpus {
    messages: &[
        "Hola, compré el curso ayer y no puedo iniciar sesión.",
        "Te enviamos un enlace para restablecer la contraseña.",
        "Ya funciona. ¿Dónde encuentro las facturas?",
        "Tus facturas están en Configuración, sección Pagos.",
        "¿Puedo cambiar la suscripción a anual?",
        "Sí, hemos cambiado tu plan; el próximo pago será en marzo.",
        "Quiero cancelar mi suscripción, me cobraron dos veces.",
        "Lamentamos el cobro doble, te devolvimos el dinero hoy.",
        "La devolución ya llegó, gracias.",
        "Aquí tienes un cupón de descuento: OTOÑO15",
        "¿Hay clases en vivo los miércoles?",
        "Sí, las lecciones en vivo empiezan a las 18:00.",
    ],
    queries: &[
        ("sesion", 0),
        ("contrasena", 1),
        ("factura", 3),
        ("suscripciones", 6),
        ("plan", 5),
        ("cancelar", 6),
        ("cobro doble", 7),
        ("devolucion", 8),
        ("cupones", 9),
        ("otono15", 9),
        ("miercoles", 10),
        ("leccion", 11),
        ("pagos", 5),
    ],
};

const FRENCH: Corpus = Corpus {
    messages: &[
        "Bonjour, j'ai acheté la formation mais je n'arrive pas à me connecter.",
        "Nous vous avons envoyé un lien pour réinitialiser le mot de passe.",
        "Merci ! Où puis-je télécharger mes factures ?",
        "Vos factures se trouvent dans les paramètres, rubrique Paiements.",
        "Je voudrais passer à l'abonnement annuel.",
        "C'est fait, votre abonnement est maintenant annuel ; prochain paiement en mars.",
        "On m'a débité deux fois en avril, je souhaite un remboursement.",
        "Désolés pour l'erreur, nous vous remboursons aujourd'hui.",
        "Comment résilier mon compte ?",
        "Vous pouvez résilier à tout moment, sans frais.",
        "Voici un code promo pour l'été : SOLEIL10",
        "Les vidéos ne se chargent pas sur mon téléphone.",
    ],
    queries: &[
        ("connecter", 0),
        ("mot de passe", 1),
        ("facture", 2),
        ("telecharger", 2),
        ("abonnements", 5),
        ("paiement", 5),
        ("remboursement", 6),
        ("rembourser", 7),
        ("resilier", 9),
        ("ete", 10),
        ("\"code promo\"", 10),
        ("video", 11),
        ("téléphones", 11),
    ],
};

const PORTUGUESE: Corpus = Corpus {
    messages: &[
        "Olá, comprei o curso e não consigo acessar a plataforma.",
        "Enviamos um novo link de acesso para o seu e-mail.",
        "Consegui, obrigado. Onde encontro a nota fiscal?",
        "As notas fiscais ficam em Configurações, aba Pagamentos.",
        "Posso mudar a assinatura para anual?",
        "Sim, mudamos o seu plano; a próxima cobrança será em março.",
        "Quero cancelar a assinatura, fui cobrado duas vezes.",
        "Desculpe pela cobrança em dobro, devolvemos o valor hoje.",
        "O reembolso já chegou.",
        "Use o cupom VERÃO15 para ganhar 15% de desconto.",
        "As aulas ao vivo são às quartas?",
        "Sim, as lições ao vivo começam às 19h.",
    ],
    queries: &[
        ("acessar", 0),
        ("link acesso", 1),
        ("nota", 3),
        ("configuracoes", 3),
        ("assinaturas", 6),
        ("cobrancas", 7),
        ("cancelar", 6),
        ("reembolsos", 8),
        ("verao15", 9),
        ("cupom desconto", 9),
        ("aula", 10),
        ("licao", usize::MAX),
        ("lições", 11),
    ],
};

/// The places of the messages that are found, in their order. The index must have each of them.
fn results(corpus: &Corpus, query: &str) -> Vec<usize> {
    let query = Query::parse(query).unwrap();
    let found = corpus.messages.iter().enumerate().filter_map(|(at, text)| {
        let score = query.matches(text)?.score;
        assert!(is_named(&query, text), "{query:?} in {text:?}");
        Some((score, at))
    });
    let mut found: Vec<_> = found.collect();
    found.sort_by_key(|result| Reverse(*result));
    found.into_iter().map(|(_, at)| at).collect()
}

/// Queries that ask for more than the search does are marked by `usize::MAX`; they count as missed.
#[test]
fn what_is_looked_for_is_among_the_first_three() {
    let (mut asked, mut missed) = (0, Vec::new());
    for corpus in [ENGLISH, GERMAN, SPANISH, FRENCH, PORTUGUESE] {
        for (query, wanted) in corpus.queries {
            let results = results(&corpus, query);
            asked += 1;
            if !results.iter().take(3).any(|at| at == wanted) {
                missed.push((*query, results));
            }
        }
    }
    println!("{} of {asked} found; missed: {missed:?}", asked - missed.len());
    assert!(missed.len() * 20 <= asked, "{} of {asked} missed: {missed:?}", missed.len());
}

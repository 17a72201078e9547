# Templates of overlays, as imgbuild parsed them (src/compose/template_syntax.rs),
# filled in as it would.
package Imgbuild::Template;
use v5.36;
use Imgbuild::Json;

# What `$parts` make of `$context`.
sub render ($parts, $context) { return run($parts, [$context]) }

# `@$scopes`: what names are looked up in, the innermost last.
sub run ($parts, $scopes) {
    return join '', map { ref $_ ? part($_, $scopes) : $_ } @$parts;
}

sub part ($part, $scopes) {
    return text(value($part->{put}, $scopes)) if exists $part->{put};
    if (exists $part->{if}) {
        return run($part->{truth(value($part->{if}, $scopes)) ? 'then' : 'else'}, $scopes);
    }
    if (exists $part->{with}) {
        my $subject = value($part->{with}, $scopes);
        return run($part->{do}, [@$scopes, $subject]) if truth($subject);
        return run($part->{else}, $scopes) if @{$part->{else}};
        die "`with` has nothing to work with\n";
    }
    my $list = value($part->{each}, $scopes);
    ref $list eq 'ARRAY' or die "`each` expects a list\n";
    return run($part->{else}, $scopes) if !@$list;
    return join '', map { run($part->{do}, [@$scopes, $_]) } @$list;
}

sub text ($value) {
    return '' if !defined $value;
    return Imgbuild::Json::plain($value) // die "a list or table cannot be put into a text\n";
}

sub truth ($value) {
    return 0 if !defined $value;
    return $$value != 0 if Imgbuild::Json::is_number($value) || Imgbuild::Json::is_boolean($value);
    return scalar @$value if ref $value eq 'ARRAY';
    return scalar %$value if ref $value eq 'HASH';
    return $value ne '';
}

sub value ($value, $scopes) {
    return $value->{plain} if exists $value->{plain};
    return call($value->{call}, map { value($_, $scopes) } @{$value->{of}})
        if exists $value->{call};
    my $up = ${$value->{up}};
    my $found = $scopes->[$up < @$scopes ? -1 - $up : 0];
    for my $name (@{$value->{path}}) {
        if (ref $found eq 'ARRAY' && $name =~ /\A[0-9]+\z/ && $name < @$found) {
            $found = $found->[$name];
            next;
        }
        ref $found eq 'HASH' && exists $found->{$name}
            or die "`@{[join '.', @{$value->{path}}]}` is not known\n";
        $found = $found->{$name};
    }
    return $found;
}

my %CALLS = (
    address => sub ($cidr) {
        return $cidr =~ m{\A([^/]*)/}s
            ? $1
            : die "`address` expects an address with its prefix length\n";
    },
    hex => sub ($text) { return unpack 'H*', $text },
    html => \&html,
    family => sub ($text) { return $text =~ m{\A[^/]*:} ? 'ip6' : 'ip' },
    'url-host' => sub ($text) { return $text =~ /:/ ? "[$text]" : $text },
    json => sub ($value) { return Imgbuild::Json::encode($value) },
    'shell-quote' => sub ($value) {
        return shell_quote(Imgbuild::Json::plain($value)
                // die "`shell-quote` expects a plain value\n");
    },
    join => sub ($list, $between) {
        return join $between,
            map { Imgbuild::Json::plain($_) // die "`join` expects plain values\n" } @$list;
    },
    len => sub ($value) {
        return Imgbuild::Json::number(
              ref $value eq 'ARRAY' ? scalar @$value
            : ref $value eq 'HASH' ? scalar %$value
            : ref $value ? 0
            : length($value // '')
        );
    },
    not => sub ($value) { return Imgbuild::Json::boolean(!truth($value)) },
    and => sub (@values) {
        return Imgbuild::Json::boolean(!grep { !truth($_) } @values);
    },
    or => sub (@values) {
        return Imgbuild::Json::boolean(scalar grep { truth($_) } @values);
    },
    eq => sub ($one, $other) { return Imgbuild::Json::boolean(same($one, $other)) },
    ne => sub ($one, $other) { return Imgbuild::Json::boolean(!same($one, $other)) },
    gt => sub ($one, $other) { return Imgbuild::Json::boolean((order($one, $other) // 0) > 0) },
    gte => sub ($one, $other) { return Imgbuild::Json::boolean((order($one, $other) // -1) >= 0) },
    lt => sub ($one, $other) { return Imgbuild::Json::boolean((order($one, $other) // 0) < 0) },
    lte => sub ($one, $other) { return Imgbuild::Json::boolean((order($one, $other) // 1) <= 0) },
);

sub call ($name, @values) {
    my $call = $CALLS{$name} // die "no helper is called `$name`\n";
    return $call->(@values);
}

# Of one type and of one value.
sub same ($one, $other) {
    return Imgbuild::Json::encode($one) eq Imgbuild::Json::encode($other);
}

# Which is greater; undef where they are not of a kind.
sub order ($one, $other) {
    return undef if !defined $one || !defined $other || ref $one ne ref $other;
    return $$one <=> $$other if Imgbuild::Json::is_number($one);
    return ref $one ? undef : $one cmp $other;
}

sub html ($text) {
    my %marks = ('&' => '&amp;', '<' => '&lt;', '>' => '&gt;', '"' => '&quot;');
    return $text =~ s/([&<>"])/$marks{$1}/gr;
}

sub shell_quote ($text) {
    return "'" . $text =~ s/'/'\\''/gr . "'";
}

1;

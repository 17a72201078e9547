# The kinds of settings: which texts are values of a kind. The rules of each kind are data, which
# the image carries (`kinds` in settings.json); imgbuild itself evaluates them in the same way
# (src/define/kind.rs). profiles/README.md explains each rule.
package Imgbuild::Kind;
use v5.36;
use Imgbuild::Json;
use Imgbuild::Network;
use Imgbuild::SshKey;
use Imgbuild::Toml;
use List::Util qw(all any none);

# The characters of Unicode's category Cc.
our $CONTROL = qr/[\x00-\x1f\x7f]|\xc2[\x80-\x9f]/;

# The value of a text of each form; undef if the text is not of that form.
my %MEANINGS = (
    boolean => sub ($kind, $text) {
        return $text =~ /\A(?:true|false)\z/ ? $text eq 'true' : undef;
    },
    enum => \&text,
    integer => \&integer,
    record => sub ($kind, $text) {
        my $parts = parts($kind, $text) // return undef;
        return record($kind,
            {map { $_ => meaning($kind->{kinds}{$_}, $parts->{$_}) } keys %$parts});
    },
    text => \&text,
);
# Checks that no pattern can make.
my %CHECKS = ('ssh-key' => \&Imgbuild::SshKey::read);

# Compiles the kinds of an image, and gives each of its settings its kind.
sub prepare ($image) {
    my $kinds = $image->{kinds};
    for my $kind (values %$kinds) {
        $kind->{kinds} = {map { $_ => $kinds->{$kind->{parts}{$_}} } keys %{$kind->{parts}}};
        for my $patterns (grep { defined } @$kind{qw(pattern not)}) {
            # Under `aa`, no letter of ASCII has another case beyond ASCII.
            $patterns = [map { qr/\A(?:$_)\z/aa } @$patterns];
        }
    }
    give($kinds, $_) for values %{$image->{settings}};
}

sub give ($kinds, $definition) {
    $definition->{kind} = $kinds->{$definition->{type}};
    give($kinds, $_)
        for grep { defined } $definition->{items}, values %{$definition->{fields} // {}};
}

# The value that a text has as one of `$kind`; undef if it is none.
sub meaning ($kind, $text) {
    my $meaning = $MEANINGS{$kind->{form} // 'text'} // return undef;
    return $meaning->($kind, $text);
}

# The text as programs are to read it.
sub text ($kind, $text) {
    my $check = $kind->{check};
    if (defined $check) {
        $check = $CHECKS{$check} // die "settings of this kind cannot change on the device\n";
        return $check->($kind, $text);
    }
    $text = join ' ', grep { $_ ne '' } split / /, $text if $kind->{squeeze};
    return undef if $text =~ $CONTROL || !is_within($kind->{bytes}, length $text);
    return undef if defined $kind->{words} && none { $_ eq $text } split ' ', $kind->{words};
    return undef if grep { characters($text) =~ $_ } @{$kind->{not}};
    return $text if !$kind->{pattern};
    my $parts = parts($kind, $text) // return undef;
    return $parts->{value} // $text;
}

# The characters of a text. Texts are bytes everywhere else.
sub characters ($text) {
    utf8::decode($text);
    return $text;
}

sub is_within ($bounds, $number) {
    my ($low, $high) = @{$bounds // return 1};
    return $low <= $number && $number <= $high;
}

# The named parts of a text by the first pattern that it matches.
sub parts ($kind, $text) {
    for my $pattern (@{$kind->{pattern}}) {
        characters($text) =~ $pattern or next;
        my %parts = %+;
        utf8::encode($_) for values %parts;
        return \%parts if are_valid($kind, \%parts);
    }
    return undef;
}

sub are_valid ($kind, $parts) {
    for my $name (grep { exists $parts->{$_} } keys %{$kind->{kinds}}) {
        defined meaning($kind->{kinds}{$name}, $parts->{$name}) or return 0;
    }
    my ($address, $prefix, $first, $last) = @$parts{qw(address prefix first last)};
    if (defined $address) {
        return 0 if $kind->{networks} && !Imgbuild::Network::allows($kind->{networks}, $address);
        my $bits = $kind->{'host-bits'};
        return 0
            if defined $bits
            && defined $prefix
            && !Imgbuild::Network::has_host_bits($bits, $address, $prefix);
    }
    return 0 if $kind->{units} && defined $parts->{number} && !defined counted($kind, $parts);
    return 1 if !$kind->{ascending} || !defined $first || !defined $last;
    return length $first == length $last && $first le $last;
}

# A number times its unit; undef if 64 bits do not hold it: Perl has an exponent for such a number.
sub counted ($kind, $parts) {
    my ($number, $unit) = @$parts{qw(number unit)};
    return undef if !defined $unit || ($number // '') !~ /\A\+?[0-9]+\z/;
    my $product = $number * ($kind->{units}{$unit} // return undef);
    return $product =~ /\A[0-9]+\z/ ? $product : undef;
}

# A whole number of 64 bits, one of which is the sign.
sub integer ($kind, $text) {
    my $number = $text =~ /\A[-+]?[0-9]+\z/ ? 0 + $text : return undef;
    return undef if $number !~ /\A-?[0-9]+\z/ || $number > 9223372036854775807;
    return is_within($kind->{range}, $number) ? $number : undef;
}

# A record with every part: as given, or its default. `%$parts` are values already.
sub record ($kind, $parts) {
    my %record = (%{$kind->{defaults} // {}}, %$parts);
    my $is_whole = all { defined $record{$_} } keys %{$kind->{kinds}};
    return $is_whole && keys %record <= keys %{$kind->{kinds}} ? \%record : undef;
}

# The meaning of a value of TOML, which has to be of the type that the kind has.
sub typed ($kind, $written) {
    my $form = $kind->{form} // 'text';
    if (ref $written eq 'HASH') {
        my $kinds = $kind->{kinds};
        return undef if $form ne 'record' || grep { !$kinds->{$_} } keys %$written;
        return record($kind, {map { $_ => typed($kinds->{$_}, $written->{$_}) } keys %$written});
    }
    my $type = {integer => 'number', boolean => 'boolean'}->{$form} // 'text';
    return undef if Imgbuild::Json::type($written) ne $type;
    return meaning($kind, Imgbuild::Json::plain($written));
}

# The value that `$text` gives the setting `$definition`; dies with what was expected. A list is
# `a,b`, or an array of TOML.
sub read_value ($definition, $text) {
    my $array = $definition->{type} eq 'list' && $text =~ /\A\[.*\]\z/s;
    return read_written($definition, $array ? Imgbuild::Toml::decode($text) : $text);
}

# The same of a text, or of a value of TOML.
sub read_written ($definition, $written) {
    return read_list($definition, $written) if $definition->{type} eq 'list';
    return read_table($definition, $written) if $definition->{type} eq 'table';
    my $kind = $definition->{kind};
    my $is_text = Imgbuild::Json::type($written) eq 'text';
    !$is_text || is_utf8($written) or die "expected text in UTF-8\n";
    my $value = $is_text ? meaning($kind, $written) : typed($kind, $written);
    defined $value or die "expected $kind->{expected}\n";
    my ($type, $plain) = (Imgbuild::Json::type($value), Imgbuild::Json::plain($value));

    if ($definition->{values} && $type =~ /number|text/) {
        my @values = @{$definition->{values}};
        any { $_ eq $plain } @values or die 'expected one of ' . join(', ', @values) . "\n";
    }
    check_range($definition, $value) if $type eq 'number';
    if ($type eq 'text') {
        die "it has to be given, and this is nothing\n"
            if $definition->{required} && $value !~ /[^ ]/;
        check_measure($definition, $value) if defined $kind->{measure};
    }
    check_outside($definition, $plain) if $definition->{outside} && defined $plain;
    return $value;
}

# Whether bytes are UTF-8 (RFC 3629); Perl's own UTF-8 has more characters.
sub is_utf8 ($bytes) {
    return utf8::decode($bytes) && $bytes !~ /[\x{d800}-\x{dfff}]|[^\x{0}-\x{10ffff}]/;
}

# Refuses a network of IPv4 that overlaps one of `outside`. Each of those is a pair of numbers: its
# first and its last address.
sub check_outside ($definition, $cidr) {
    my ($address, $prefix) = $cidr =~ m{\A([0-9.]+)/\+?([0-9]+)\z} or return;
    my $network = substr Imgbuild::Network::bits($address) // return, 0, $prefix;
    my ($first, $last) = map { oct "0b$network" . $_ x (32 - $prefix) } 0, 1;
    die "this network is used for something else\n"
        if any { $first <= $_->[1] && $_->[0] <= $last } @{$definition->{outside}};
}

sub check_range ($definition, $number) {
    my ($min, $max) = @$definition{qw(min max)};
    return if !(defined $min && $number < $min) && !(defined $max && $number > $max);
    my $bounds = !defined $min ? "$max or less" : !defined $max ? "$min or more" : "$min to $max";
    die "expected $bounds\n";
}

# Checks what `min` and `max` bound of a text: its length, or the number that it stands for, if it
# stands for one.
sub check_measure ($definition, $text) {
    my $kind = $definition->{kind};
    my $number = $kind->{units} ? counted($kind, parts($kind, $text) // {}) : length $text;
    check_range($definition, $number) if defined $number;
}

# The values of a list, which is written as `a,b` or as an array.
sub read_list ($definition, $written) {
    die "expected a list\n" if Imgbuild::Json::type($written) !~ /list|text/;
    my @written =
          Imgbuild::SshKey::is_kind_of($definition) ? Imgbuild::SshKey::parts($written)
        : ref $written ? @$written
        : $written eq '' ? ()
        : split /,/, $written, -1;
    @written <= 1000 or die "expected 1000 values at most\n";
    my @items = map { read_written($definition->{items}, $_) } @written;
    check_range($definition, scalar @items);
    my %seen;
    if (defined(my $unique = $definition->{unique})) {
        for my $item (grep { ref $_ eq 'HASH' } @items) {
            die "two values have the $unique `$item->{$unique}`\n" if $seen{$item->{$unique}}++;
        }
    }
    return \@items;
}

# The table with every field: as given, its default, or undef.
sub read_table ($definition, $written) {
    ref $written eq 'HASH'
        or die 'expected a table, such as { '
        . join(', ', map { "$_ = …" } required($definition)) . " }\n";
    my $fields = $definition->{fields};
    for my $name (sort keys %$written) {
        $fields->{$name}
            or die "there is no field `$name`, only `" . join('`, `', sort keys %$fields) . "`\n";
    }
    for my $name (required($definition)) { exists $written->{$name} or die "`$name` is missing\n" }
    my %table = map { $_ => $fields->{$_}{default} } keys %$fields;
    for my $name (keys %$written) {
        $table{$name} =
            eval { read_written($fields->{$name}, $written->{$name}) } // die "`$name`: $@";
    }
    return \%table;
}

# The names of the fields of a table, or of the parts of a record, that have to be given.
sub required ($definition) {
    my ($kind, $fields) = @$definition{qw(kind fields)};
    return grep { $fields->{$_}{required} } sort keys %$fields if $fields;
    return grep { !defined $kind->{defaults}{$_} } sort keys %{$kind->{kinds}};
}

# A value as a person writes it.
sub show ($definition, $value) {
    return Imgbuild::Json::plain($value) if !ref $value;
    return word($definition, $value)
        // Imgbuild::Toml::encode(without_defaults($definition, $value), order_of($definition))
        if ref $value eq 'HASH';
    my $items = $definition->{items};
    my @words = map { word($items, $_) } @$value;
    my $text = join ',', map { $_ // '' } @words;
    return $text if $text !~ /\A\[.*\]\z/s && !grep { !defined || /,/ || $_ eq '' } @words;
    return Imgbuild::Toml::encode([map { without_defaults($items, $_) } @$value], order_of($items));
}

# A value in one word; undef if it needs more.
sub word ($definition, $value) {
    return Imgbuild::Json::plain($value) if ref $value ne 'HASH';
    my $word = $definition->{kind}{short} // return undef;
    for my $part (sort keys %$value) {
        # Brackets keep an address of IPv6 together, as in a URL.
        my $text = Imgbuild::Json::plain($value->{$part}) =~ s/\A(.*:.*)\z/[$1]/sr;
        next if $word =~ s/\{\Q$part\E\}/$text/g;
        return undef if !is_default($definition, $part, $value->{$part});
    }
    return $word;
}

sub is_default ($definition, $name, $value) {
    my $fields = $definition->{fields};
    my $default = $fields ? $fields->{$name}{default} : $definition->{kind}{defaults}{$name};
    return !defined $value || defined $default && Imgbuild::Json::same($default, $value);
}

# A table without its defaults; in its lists, values as one word if they have one.
sub without_defaults ($definition, $value) {
    return $value if ref $value ne 'HASH';
    my $fields = $definition->{fields} // {};
    my %table = map { $_ => $value->{$_} }
        grep { !is_default($definition, $_, $value->{$_}) } keys %$value;
    for my $name (grep { $fields->{$_} && $fields->{$_}{items} } keys %table) {
        my $items = $fields->{$name}{items};
        $table{$name} = [map { word($items, $_) // without_defaults($items, $_) } @{$table{$name}}];
    }
    return \%table;
}

# The order in which the fields of tables are written: the required ones first, `name` before all.
sub order_of ($definition) {
    my @inner = grep { defined } map { $_->{items} } values %{$definition->{fields} // {}};
    my %rank = (map({ $_ => 1 } map { required($_) } $definition, @inner), name => 2);
    return sub ($table) {
        my @names = sort { ($rank{$b} // 0) <=> ($rank{$a} // 0) || $a cmp $b } keys %$table;
        return @names;
    };
}

1;
